"""Rank addresses by the revenue of their visits, with their pages' mean rank: AMPLab's query 3.

    SELECT sourceIP, sum(adRevenue) AS totalRevenue, avg(pageRank)
    FROM rankings R JOIN (
        SELECT sourceIP, destURL, adRevenue FROM uservisits WHERE visitDate BETWEEN since AND until
    ) V ON R.pageURL = V.destURL
    GROUP BY sourceIP ORDER BY totalRevenue DESC

(3a: until 1980-04-01, 3b: 1983-01-01, 3c: 2010-01-01.) Two tables are joined by repartitioning: rows of equal
URLs meet in one partition, as partial rows of one shape. The rank of all addresses is a stage of its own.
"""

from mapreduce import Pipeline, SqlInput, SqlJob, Stage, param, parameter

from ._pavlo import FORMAT, RANKINGS, USERVISITS

PERIOD = {
    "since": parameter("1980-01-01", "the first day of visits, as YYYY-MM-DD"),
    "until": parameter("1980-04-01", "the last day of visits, as YYYY-MM-DD"),
}

# Of each URL: how many pages have it, how many of these have a rank, and the sum of their ranks. Of each URL
# and address: how many visits there were, and their revenue. What a row does not know of is 0, or a NULL that
# sums leave out: so the pages of a URL, and the visits to it from no known address, may share a row.
match = SqlJob(
    inputs={
        "rankings": SqlInput(
            columns=RANKINGS,
            format=FORMAT,
            map="""
                SELECT
                    pageURL AS url, CAST(NULL AS VARCHAR) AS ip,
                    1::BIGINT AS pages,
                    CAST(pageRank IS NOT NULL AS BIGINT) AS ranked, coalesce(pageRank, 0)::BIGINT AS ranks,
                    0::BIGINT AS visits, NULL::DOUBLE AS revenue
                FROM input
                WHERE pageURL IS NOT NULL
            """,
        ),
        "uservisits": SqlInput(
            columns=USERVISITS,
            format=FORMAT,
            map="""
                SELECT
                    destURL AS url, sourceIP AS ip,
                    0::BIGINT AS pages, 0::BIGINT AS ranked, 0::BIGINT AS ranks,
                    count(*) AS visits, sum(adRevenue) AS revenue
                FROM input
                WHERE visitDate BETWEEN $since::DATE AND $until::DATE AND destURL IS NOT NULL
                GROUP BY url, ip
            """,
        ),
    },
    reduce="""
        SELECT
            url, ip,
            sum(pages) AS pages, sum(ranked) AS ranked, sum(ranks) AS ranks,
            sum(visits) AS visits, sum(revenue) AS revenue
        FROM input
        GROUP BY url, ip
    """,
    key=("url",),
    finish="""
        SELECT
            visit.ip, sum(page.pages * visit.revenue) AS revenue,
            sum(page.ranks * visit.visits)::BIGINT AS ranks, sum(page.ranked * visit.visits)::BIGINT AS ranked
        FROM (FROM input WHERE pages > 0) page JOIN (FROM input WHERE visits > 0) visit USING (url)
        GROUP BY visit.ip
        ORDER BY visit.ip
    """,
    params=PERIOD,
)

total = SqlJob(
    columns={"ip": "VARCHAR", "revenue": "DOUBLE", "ranks": "BIGINT", "ranked": "BIGINT"},
    map="""
        SELECT
            ip AS source_ip, sum(revenue) AS revenue,
            sum(ranks) / nullif(sum(ranked), 0) AS average_rank
        FROM input
        GROUP BY ip
        ORDER BY revenue DESC, source_ip
    """,
)

pipeline = Pipeline(
    stages=(
        Stage("match", match, params={name: param(name) for name in PERIOD}, options={"output": "parquet"}),
        Stage("total", total, options={"partitions": 1}),  # for it puts all of them in order
    ),
    params=PERIOD,
)
