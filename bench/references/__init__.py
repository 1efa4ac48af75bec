"""What a mapper could do at best: handlers that do its work on data that need not be fetched or written."""
