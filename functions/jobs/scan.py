"""Find pages above a rank: AMPLab's query 1 over `rankings` (1a: 1000, 1b: 100, 1c: 10)."""

from mapreduce import SqlJob, parameter

from ._pavlo import FORMAT, RANKINGS

job = SqlJob(
    columns=RANKINGS,
    format=FORMAT,
    map="SELECT pageURL, pageRank FROM input WHERE pageRank > $rank",
    reduce="SELECT pageURL, pageRank FROM input",
    key=("pageURL",),
    params={"rank": parameter(1000, "pages of a higher pageRank are found", minimum=0)},
)
