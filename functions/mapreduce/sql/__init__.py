"""SQL jobs: DuckDB inside the workers. Imported only for a SQL job: a Python job starts without it."""
