"""The table that all peers read, and the group they make of it."""

PREFIX = 8  # characters of sourceIP

# The names and DuckDB types of its columns; those that the job does not read need no stricter ones.
COLUMNS = {
    "sourceIP": "VARCHAR",
    "destURL": "VARCHAR",
    "visitDate": "VARCHAR",
    "adRevenue": "DOUBLE",
    "userAgent": "VARCHAR",
    "countryCode": "VARCHAR",
    "languageCode": "VARCHAR",
    "searchWord": "VARCHAR",
    "duration": "INTEGER",
}
