"""The template: exactly these permissions, a private bucket, and parameters whose defaults deploy."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode import cfn_yaml

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE: dict[str, Any] = cfn_yaml.load(str(ROOT / "template.yaml"))
PARAMETERS: dict[str, Any] = TEMPLATE["Parameters"]
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
FUNCTIONS = ("MapperFunction", "ReducerFunction")

NOTHING = object()


def resolved(value: Any, buckets: list[str]) -> Any:
    """A value as CloudFormation resolves it for these InputBuckets; other references stay, as ${texts}."""
    if isinstance(value, list):
        return [one for one in (resolved(one, buckets) for one in value) if one is not NOTHING]
    if not isinstance(value, dict):
        return value
    match next(iter(value.items())):
        case "Ref", name:
            values = {"AWS::NoValue": NOTHING, "InputBuckets": buckets}
            found = values.get(name, f"${{{name}}}")
        case "Fn::GetAtt", path:
            found = f"${{{'.'.join(path)}}}"
        case "Fn::If", ["HasInputBuckets", yes, no]:
            found = resolved(no if buckets == [""] else yes, buckets)
        case "Fn::Join", [delimiter, some]:
            found = delimiter.join(resolved(some, buckets))
        case "Fn::Split", [delimiter, text]:
            found = resolved(text, buckets).split(delimiter)
        case "Fn::Sub", [text, names]:
            found = text
            for name, one in names.items():
                found = found.replace(f"${{{name}}}", resolved(one, buckets))
        case "Fn::Sub", text:
            found = text
        case _:
            found = {name: resolved(one, buckets) for name, one in value.items()}
    return found


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


Statement = tuple[list[str], list[str]]


def statements(document: dict[str, Any], buckets: list[str]) -> dict[str, Statement]:
    """Actions and resources of a policy's statements by Sid, each of which allows just these."""
    assert document["Version"] == "2012-10-17"
    found = resolved(document["Statement"], buckets)
    sids = [one["Sid"] for one in found]
    assert len(sids) == len(set(sids))
    for one in found:
        assert one["Effect"] == "Allow"
        assert one.keys() - {"Condition"} == {"Sid", "Effect", "Action", "Resource"}
    return {one["Sid"]: (listed(one["Action"]), listed(one["Resource"])) for one in found}


def policies(role: str, buckets: list[str]) -> dict[str, Statement]:
    """All statements of a role's policies, those that are attached to it too."""
    documents = [policy["PolicyDocument"] for policy in RESOURCES[role]["Properties"]["Policies"]]
    documents += [
        resource["Properties"]["PolicyDocument"]
        for resource in RESOURCES.values()
        if resource["Type"] == "AWS::IAM::Policy" and {"Ref": role} in resource["Properties"]["Roles"]
    ]
    found: dict[str, Statement] = {}
    for document in documents:
        found |= statements(document, buckets)
    return found


# ---- permissions -----------------------------------------------------------------------------------------

EXECUTION = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:execution:${MapReduce.Name}"
WRITE = ["s3:PutObject", "s3:PutObjectTagging", "s3:AbortMultipartUpload"]
LOG = ["logs:CreateLogStream", "logs:PutLogEvents"]

ROLES: dict[str, dict[str, Statement]] = {
    "MapperRole": {
        "ReadInputBuckets": (["s3:GetObject"], ["arn:aws:s3:::one/*", "arn:aws:s3:::two/*"]),
        "ReadUploadsAndResultsOfEarlierStages": (
            ["s3:GetObject"],
            ["${JobBucket.Arn}/input/*", "${JobBucket.Arn}/jobs/*/result/*"],
        ),
        "ReadReceiptsOfTheJobThatIsResumed": (["s3:GetObject"], ["${JobBucket.Arn}/jobs/*/receipts/*"]),
        "WriteMapOutputs": (
            WRITE,
            [f"${{JobBucket.Arn}}/jobs/*/{folder}/*" for folder in ("map", "rejects", "receipts", "times")],
        ),
        "WriteLogs": (LOG, ["${MapperLogs.Arn}"]),
    },
    "ReducerRole": {
        "ReadOutputsOfTheStepBefore": (
            ["s3:GetObject"],
            ["${JobBucket.Arn}/jobs/*/map/*", "${JobBucket.Arn}/jobs/*/step-*"],
        ),
        "WriteOutputsAndResults": (
            WRITE,
            ["${JobBucket.Arn}/jobs/*/step-*", "${JobBucket.Arn}/jobs/*/result/*"],
        ),
        "WithdrawPartsOfAResultThatCannotBePublishedWhole": (
            ["s3:DeleteObject"],
            ["${JobBucket.Arn}/jobs/*/result/*"],
        ),
        "WriteLogs": (LOG, ["${ReducerLogs.Arn}"]),
    },
    "MapReduceRole": {
        "ListInputBuckets": (["s3:ListBucket"], ["arn:aws:s3:::one", "arn:aws:s3:::two"]),
        "ListUploadsAndResultsOfEarlierStages": (["s3:ListBucket"], ["${JobBucket.Arn}"]),
        "DeleteIntermediates": (
            ["s3:DeleteObject"],
            [
                f"${{JobBucket.Arn}}/jobs/*/stage-*/{kind}"
                for kind in ("map/*", "step-*", "sample/*", "receipts/*", "times/*")
            ],
        ),
        "InvokeWorkers": (
            ["lambda:InvokeFunction"],
            ["${MapperFunction.Arn}", "${ReducerFunction.Arn}"],
        ),
        "DeliverLogs": (
            [
                "logs:CreateLogDelivery",
                "logs:DeleteLogDelivery",
                "logs:DescribeLogGroups",
                "logs:DescribeResourcePolicies",
                "logs:GetLogDelivery",
                "logs:ListLogDeliveries",
                "logs:PutResourcePolicy",
                "logs:UpdateLogDelivery",
            ],
            ["*"],
        ),
        "Trace": (
            [
                "xray:GetSamplingRules",
                "xray:GetSamplingTargets",
                "xray:PutTelemetryRecords",
                "xray:PutTraceSegments",
            ],
            ["*"],
        ),
        "StartItems": (["states:StartExecution"], ["${MapReduce}"]),
        "FollowItems": (
            ["states:DescribeExecution", "states:StopExecution"],
            [f"{EXECUTION}:*", f"{EXECUTION}/*"],
        ),
        "RedriveItems": (["states:RedriveExecution"], [f"{EXECUTION}/*"]),
    },
}
ASSUMED_BY = {
    "MapperRole": "lambda.amazonaws.com",
    "ReducerRole": "lambda.amazonaws.com",
    "MapReduceRole": "states.amazonaws.com",
}
OF_INPUT_BUCKETS = {"ReadInputBuckets", "ListInputBuckets"}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_allows_exactly_what_is_needed(role: str) -> None:
    assert policies(role, ["one", "two"]) == ROLES[role]


@pytest.mark.parametrize("role", ROLES)
def test_without_input_buckets_a_role_says_nothing_of_them(role: str) -> None:
    first = {"Fn::Select": [0, {"Ref": "InputBuckets"}]}
    assert TEMPLATE["Conditions"]["HasInputBuckets"] == {"Fn::Not": [{"Fn::Equals": [first, ""]}]}
    expected = {sid: ROLES[role][sid] for sid in ROLES[role] if sid not in OF_INPUT_BUCKETS}
    assert policies(role, [""]) == expected


def test_only_uploads_and_jobs_can_be_listed_in_the_job_bucket() -> None:
    conditions = {
        statement["Sid"]: statement["Condition"]
        for role in ROLES
        for policy in RESOURCES[role]["Properties"]["Policies"]
        for statement in resolved(policy["PolicyDocument"]["Statement"], ["one"])
        if "Condition" in statement
    }
    assert conditions == {
        "ListUploadsAndResultsOfEarlierStages": {"StringLike": {"s3:prefix": ["input/*", "jobs/*"]}}
    }


def test_no_permission_is_given_in_any_other_way() -> None:
    by_type = {resource["Type"] for resource in RESOURCES.values()}
    assert by_type == {
        "AWS::IAM::Policy",
        "AWS::IAM::Role",
        "AWS::Logs::LogGroup",
        "AWS::S3::Bucket",
        "AWS::S3::BucketPolicy",
        "AWS::Serverless::Function",
        "AWS::Serverless::StateMachine",
    }
    roles = {name for name, resource in RESOURCES.items() if resource["Type"] == "AWS::IAM::Role"}
    assert roles == ROLES.keys()
    for role in roles:
        assert RESOURCES[role]["Properties"].keys() == {"AssumeRolePolicyDocument", "Policies"}
    for name, role in {
        "MapperFunction": "MapperRole",
        "ReducerFunction": "ReducerRole",
        "MapReduce": "MapReduceRole",
    }.items():
        assert resolved(RESOURCES[name]["Properties"]["Role"], []) == f"${{{role}.Arn}}"
        assert not RESOURCES[name]["Properties"].keys() & {"Policies", "Events", "FunctionUrlConfig"}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_for_one_service(role: str) -> None:
    trust = RESOURCES[role]["Properties"]["AssumeRolePolicyDocument"]
    assert trust["Statement"] == [
        {"Effect": "Allow", "Principal": {"Service": ASSUMED_BY[role]}, "Action": "sts:AssumeRole"}
    ]


# ---- the job bucket --------------------------------------------------------------------------------------

BUCKET: dict[str, Any] = RESOURCES["JobBucket"]["Properties"]


def test_the_job_bucket_is_private_encrypted_and_kept() -> None:
    assert BUCKET["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    }
    assert BUCKET["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    [rule] = BUCKET["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert RESOURCES["JobBucket"]["DeletionPolicy"] == "Retain"
    assert RESOURCES["JobBucket"]["UpdateReplacePolicy"] == "Retain"


def test_the_job_bucket_takes_no_request_over_plain_http() -> None:
    policy = resolved(RESOURCES["JobBucketPolicy"]["Properties"], [])
    assert policy["Bucket"] == "${JobBucket}"
    assert policy["PolicyDocument"]["Statement"] == [
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": ["${JobBucket.Arn}", "${JobBucket.Arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ]


def test_intermediates_records_and_abandoned_uploads_expire_and_nothing_else_does() -> None:
    rules = {rule.pop("Id"): rule for rule in resolved(BUCKET["LifecycleConfiguration"]["Rules"], [])}
    assert rules == {
        "ExpireIntermediates": {
            "Status": "Enabled",
            "TagFilters": [{"Key": "marla", "Value": "intermediate"}],
            "ExpirationInDays": "${IntermediateDays}",
        },
        "ExpireRecordsOfTasks": {
            "Status": "Enabled",
            "TagFilters": [{"Key": "marla", "Value": "record"}],
            "ExpirationInDays": 90,
        },
        "AbortAbandonedUploads": {
            "Status": "Enabled",
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        },
    }


# ---- parameters ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter_is_described_and_its_default_is_allowed(name: str) -> None:
    parameter = PARAMETERS[name]
    assert parameter["Description"].endswith(".") or " " in parameter["Description"]
    default = parameter["Default"]
    assert default in parameter.get("AllowedValues", [default])
    if parameter["Type"] == "Number":
        assert isinstance(default, int)
        assert "AllowedValues" in parameter or {"MinValue", "MaxValue"} <= parameter.keys()
        assert parameter.get("MinValue", default) <= default <= parameter.get("MaxValue", default)


def test_each_parameter_is_asked_for_once_and_used() -> None:
    groups = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    asked = Counter(name for group in groups for name in group["Parameters"])
    assert asked == Counter(PARAMETERS.keys())
    used = {value["Ref"] for value in objects(TEMPLATE) if value.keys() == {"Ref"}}
    assert PARAMETERS.keys() <= used


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """All objects within a value."""
    if isinstance(value, dict):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects(one)


# ---- functions and logs ----------------------------------------------------------------------------------


def test_both_functions_are_built_from_one_folder_by_uv() -> None:
    functions = {name for name, one in RESOURCES.items() if one["Type"] == "AWS::Serverless::Function"}
    assert functions == set(FUNCTIONS)
    shared = TEMPLATE["Globals"]["Function"]
    assert shared["CodeUri"] == "functions/"
    for name in FUNCTIONS:
        assert RESOURCES[name]["Metadata"] == {"BuildMethod": "python-uv"}
        assert not RESOURCES[name]["Properties"].keys() & shared.keys()
        module, _, function = RESOURCES[name]["Properties"]["Handler"].partition(".")
        assert f"def {function}(" in (ROOT / "functions" / f"{module}.py").read_text()


def test_logs_expire_and_functions_write_to_logs_that_do() -> None:
    logs = {name: one for name, one in RESOURCES.items() if one["Type"] == "AWS::Logs::LogGroup"}
    for log in logs.values():
        assert log["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    for name in FUNCTIONS:
        group = RESOURCES[name]["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]
        assert group in logs


def test_the_functions_and_the_tests_use_the_same_zstandard() -> None:
    def pins(path: str) -> dict[str, str]:
        found = re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / path).read_text(), re.MULTILINE)
        return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}

    of_functions, of_tests = pins("functions/requirements.txt"), pins("requirements.txt")
    assert of_functions
    assert of_functions == {name: of_tests[name] for name in of_functions}


def test_two_stacks_fit_one_account() -> None:
    fixed = {"BucketName", "FunctionName", "LogGroupName", "ManagedPolicyName", "Name", "RoleName"}
    names = {
        (name, key): value
        for name, resource in RESOURCES.items()
        for key, value in resource["Properties"].items()
        if key in fixed
    }
    assert names == {
        ("MapReduceLogs", "LogGroupName"): {"Fn::Sub": "/aws/vendedlogs/states/${AWS::StackName}"}
    }


# ---- deployment ------------------------------------------------------------------------------------------


def test_sam_has_settings_for_aws_and_for_the_local_cloud() -> None:
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    assert config.keys() == {"version", "default", "local"}
    assert config["default"]["build"]["parameters"]["beta_features"] is True  # python-uv is one
    assert config["default"]["deploy"]["parameters"]["confirm_changeset"] is True
    local = config["local"]["deploy"]["parameters"]
    assert (ROOT / local["template_file"]).is_file()
    assert local["confirm_changeset"] is False  # nobody is there to confirm
    for environment in (config["default"], config["local"]):
        assert environment["deploy"]["parameters"]["capabilities"] == "CAPABILITY_IAM"


def test_the_outputs_are_what_the_command_line_looks_for() -> None:
    outputs = {name: resolved(output["Value"], []) for name, output in TEMPLATE["Outputs"].items()}
    assert outputs["StateMachineArn"] == "${MapReduce}"
    assert outputs["JobBucket"] == "${JobBucket}"
    assert all(output["Description"] for output in TEMPLATE["Outputs"].values())


DEPLOYED = ["template.yaml", "samconfig.toml", "statemachine", "functions", "events"]
SECRETS = {
    "an access key": r"\b(AKIA|ASIA)[A-Z0-9]{16}\b",
    "a secret": r"(?i)(secret|password|token)[\w-]*[\"']?\s*[:=]\s*[\"'][^\"'\s]{8,}",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "an account": r"arn:aws[\w-]*:[\w-]*:[\w-]*:(?!000000000000|123456789012)\d{12}:",
}


@pytest.mark.parametrize("what", SECRETS)
def test_what_is_deployed_holds_no_secret(what: str) -> None:
    files = [
        file
        for name in DEPLOYED
        for file in ([ROOT / name] if (ROOT / name).is_file() else sorted((ROOT / name).rglob("*")))
        if file.suffix in {".yaml", ".toml", ".py", ".txt", ".json"}
    ]
    assert len(files) > 20
    assert [str(file.relative_to(ROOT)) for file in files if re.search(SECRETS[what], file.read_text())] == []
