"""Sum adRevenue by the first characters of sourceIP: AMPLab's query 2 (2a: 8, 2b: 10, 2c: 12)."""

from mapreduce import SqlJob, parameter

from ._pavlo import FORMAT, USERVISITS

job = SqlJob(
    columns=USERVISITS,
    format=FORMAT,
    map="""
        SELECT substr(sourceIP, 1, $prefix) AS source_ip, sum(adRevenue) AS revenue
        FROM input
        GROUP BY ALL
    """,
    params={"prefix": parameter(8, "how many characters of sourceIP make a group", minimum=1)},
)
