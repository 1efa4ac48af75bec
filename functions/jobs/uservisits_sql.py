"""Sum adRevenue by the first characters of sourceIP: the job `uservisits`, in SQL."""

from mapreduce import SqlJob, parameter

from ._pavlo import FORMAT, USERVISITS

job = SqlJob(
    columns=USERVISITS,
    format=FORMAT,
    map="SELECT substr(sourceIP, 1, $prefix) AS source_ip, sum(adRevenue) AS revenue FROM input GROUP BY ALL",
    reduce="SELECT source_ip, sum(revenue) AS revenue FROM input GROUP BY ALL",
    key=("source_ip",),
    params={"prefix": parameter(8, "how many characters of sourceIP make a group", minimum=1)},
)
