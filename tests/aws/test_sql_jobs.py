"""What the tests on the local cloud say of SQL jobs, said of a real stack: see test_on_aws.py."""

from tests.local.test_sql_jobs import (
    pages,
    parquet_visits,
    test_a_header_names_the_columns,
    test_a_job_that_runs_again_writes_the_same_bytes,
    test_a_query_that_sorts_and_limits_is_answered_in_its_order,
    test_a_type_that_does_not_fit_names_object_and_byte,
    test_a_wrong_query_fails_before_any_data_is_read,
    test_aggregate_sums_revenue_by_prefixes_of_addresses,
    test_json_lines_need_no_columns,
    test_parquet_is_cut_by_row_groups_and_read_without_saying_what_is_in_it,
    test_scan_finds_the_pages_above_a_rank,
    visits,
)

__all__ = [
    "pages",
    "parquet_visits",
    "test_a_header_names_the_columns",
    "test_a_job_that_runs_again_writes_the_same_bytes",
    "test_a_query_that_sorts_and_limits_is_answered_in_its_order",
    "test_a_type_that_does_not_fit_names_object_and_byte",
    "test_a_wrong_query_fails_before_any_data_is_read",
    "test_aggregate_sums_revenue_by_prefixes_of_addresses",
    "test_json_lines_need_no_columns",
    "test_parquet_is_cut_by_row_groups_and_read_without_saying_what_is_in_it",
    "test_scan_finds_the_pages_above_a_rank",
    "visits",
]
