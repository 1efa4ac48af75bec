"""The probable cause of a failure, found for the user, with what there is to judge it by."""
