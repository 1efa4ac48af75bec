"""What the tests on the local cloud say of jobs, said of a real stack: `make aws-test MARLA_STACK=name`."""

from tests.local.test_jobs import (
    test_a_job_that_runs_again_writes_the_same_bytes_however_many_workers_are_at_work,
    test_a_second_stage_reads_the_result_of_the_first,
    test_bad_records_are_set_aside_with_object_offset_and_reason,
    test_bad_records_of_all_mappers_together_count_against_the_limit,
    test_intermediates_are_tagged_for_the_lifecycle_rule_and_results_are_not,
    test_revenue_is_summed_by_address_over_all_files,
    test_seven_partitions_have_disjoint_sorted_keys_and_together_all_groups,
    test_several_inputs_in_different_forms_are_one_input,
    test_the_input_may_say_its_delimiter_and_quote,
    test_the_records_of_each_phase_are_those_that_the_one_before_it_wrote,
    test_the_result_is_csv_unless_the_input_asks_for_jsonl,
    test_where_inputs_are_cut_does_not_matter,
    test_words_are_counted_in_a_folder_of_everything_that_goes_wrong_with_files,
    visits,
)

__all__ = [
    "test_a_job_that_runs_again_writes_the_same_bytes_however_many_workers_are_at_work",
    "test_a_second_stage_reads_the_result_of_the_first",
    "test_bad_records_are_set_aside_with_object_offset_and_reason",
    "test_bad_records_of_all_mappers_together_count_against_the_limit",
    "test_intermediates_are_tagged_for_the_lifecycle_rule_and_results_are_not",
    "test_revenue_is_summed_by_address_over_all_files",
    "test_seven_partitions_have_disjoint_sorted_keys_and_together_all_groups",
    "test_several_inputs_in_different_forms_are_one_input",
    "test_the_input_may_say_its_delimiter_and_quote",
    "test_the_records_of_each_phase_are_those_that_the_one_before_it_wrote",
    "test_the_result_is_csv_unless_the_input_asks_for_jsonl",
    "test_where_inputs_are_cut_does_not_matter",
    "test_words_are_counted_in_a_folder_of_everything_that_goes_wrong_with_files",
    "visits",
]
