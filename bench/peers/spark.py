"""PySpark, local[2]: a session of its own, with as many shuffle partitions as it has cores.

Prints the seconds that starting the session took, so that the job can be told from it.
"""

import json
import sys
import time

from pyspark.sql import SparkSession, functions

from bench.peers.table import COLUMNS, PREFIX

TYPES = {"VARCHAR": "STRING", "DOUBLE": "DOUBLE", "INTEGER": "INT"}


def main(out: str, *files: str) -> None:
    """Run the job; `out` becomes a folder of parts."""
    began = time.perf_counter()
    settings = {
        "spark.driver.memory": "4g",
        "spark.sql.shuffle.partitions": "2",
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.log.level": "ERROR",
    }
    session = SparkSession.builder.master("local[2]").config(map=settings).getOrCreate()
    started = time.perf_counter() - began
    schema = ", ".join(f"{name} {TYPES[kind]}" for name, kind in COLUMNS.items())
    visits = session.read.csv(list(files), schema=schema, header=False, quote="")
    group = functions.substring("sourceIP", 1, PREFIX)
    visits.groupBy(group).agg(functions.sum("adRevenue")).write.csv(out)
    session.stop()
    print(json.dumps({"startSeconds": started}))


if __name__ == "__main__":
    main(*sys.argv[1:])
