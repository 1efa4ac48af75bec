"""The tables of Pavlo et al. 2009, as the AMPLab benchmark has them: csv without header and quotes."""

from mapreduce import Csv

FORMAT = Csv(quote="")

USERVISITS = {
    "sourceIP": "VARCHAR",
    "destURL": "VARCHAR",
    "visitDate": "DATE",
    "adRevenue": "DOUBLE",
    "userAgent": "VARCHAR",
    "countryCode": "VARCHAR",
    "languageCode": "VARCHAR",
    "searchWord": "VARCHAR",
    "duration": "INTEGER",
}

RANKINGS = {"pageURL": "VARCHAR", "pageRank": "INTEGER", "avgDuration": "INTEGER"}
