#!/bin/bash
# The life of an application, with the aws cli as it is. One step an argument, in the order of the README; without
# arguments all of them.
#
#   ENDPOINT   of the service, http://127.0.0.1:8090
#   DATA_DIR   the service's data folder, whose local bucket holds the code
#   OUTPUT     where the application writes its rows
set -euo pipefail
cd "$(dirname "$0")"
: "${ENDPOINT:=http://127.0.0.1:8090}" "${DATA_DIR:?the data folder of the service}" "${OUTPUT:?a folder for the rows}"
export AWS_DEFAULT_REGION=us-east-1 AWS_ACCESS_KEY_ID="${AWS_ACCESS_KEY_ID:-any}" AWS_SECRET_ACCESS_KEY="${AWS_SECRET_ACCESS_KEY:-any}"
export AWS_PAGER="" AWS_EC2_METADATA_DISABLED=true
readonly APPLICATION=orders
readonly BUCKET="$DATA_DIR/buckets/orders-code"

api() { aws kinesisanalyticsv2 --endpoint-url "$ENDPOINT" "$@"; }
detail() { api describe-application --application-name $APPLICATION --query "ApplicationDetail.$1" --output text; }
version() { detail ApplicationVersionId; }
fail() { echo "$*" >&2; exit 1; }
expect() { [ "$1" = "$2" ] || fail "expected $3 to be '$2', but it is '$1'"; }

# Puts a file where the application's code is taken from. That alone changes nothing: UpdateApplication does.
upload() { mkdir -p "$BUCKET" && cp "$1" "$BUCKET/orders.sql"; }

operation() { api describe-application-operation --application-name $APPLICATION --operation-id "$1" --query "ApplicationOperationInfoDetails.$2" --output text; }

# Waits until the operation has ended, and expects how.
finish() {
    local status
    for _ in $(seq 300); do
        status=$(operation "$1" OperationStatus)
        [ "$status" = IN_PROGRESS ] || break
        sleep 0.1
    done
    expect "$status" "${2:-SUCCESSFUL}" "the operation's status"
}

await_status() {
    for _ in $(seq 300); do
        [ "$(detail ApplicationStatus)" != "$1" ] || return 0
        sleep 0.1
    done
    fail "the application is not $1"
}

# UpdateApplication with the present version; prints the operation's id.
update() { api update-application --application-name $APPLICATION --current-application-version-id "$(version)" --query OperationId --output text "$@"; }

code_update() {
    echo '{"ApplicationCodeConfigurationUpdate": {"CodeContentUpdate": {"S3ContentLocationUpdate": {"FileKeyUpdate": "orders.sql"}}}}'
}

start() { api start-application --application-name $APPLICATION --query OperationId --output text "$@"; }

snapshots() { api list-application-snapshots --application-name $APPLICATION --query "SnapshotSummaries[].SnapshotName" --output text; }

# What the Flink REST API says, through a link for reading.
flink() {
    local url
    url=$(api create-application-presigned-url --application-name $APPLICATION --url-type FLINK_DASHBOARD_URL --query AuthorizedUrl --output text)
    curl -sf "${url%%\?*}$1?${2:+$2&}${url#*\?}"
}
job() { flink /jobs | python3 -c 'import json, sys; print(json.load(sys.stdin)["jobs"][0]["id"])'; }
full_restarts() { flink "/jobs/$(job)/metrics" get=fullRestarts | python3 -c 'import json, sys; print(int(float(json.load(sys.stdin)[0]["value"])))'; }

step_create() {
    upload orders.sql
    mkdir -p "$OUTPUT"
    api create-application --application-name $APPLICATION --runtime-environment FLINK-1_19 \
        --service-execution-role arn:aws:iam::000000000000:role/orders \
        --application-configuration '{
          "ApplicationCodeConfiguration": {"CodeContentType": "PLAINTEXT", "CodeContent": {
            "S3ContentLocation": {"BucketARN": "arn:aws:s3:::orders-code", "FileKey": "orders.sql"}}},
          "FlinkApplicationConfiguration": {
            "CheckpointConfiguration": {"ConfigurationType": "CUSTOM", "CheckpointInterval": 1000, "MinPauseBetweenCheckpoints": 0}},
          "EnvironmentProperties": {"PropertyGroups": [
            {"PropertyGroupId": "output", "PropertyMap": {"path": "'"$OUTPUT"'", "label": "first"}}]}}' >/dev/null
    expect "$(detail ApplicationStatus)" READY "the status"
}

step_start() {
    finish "$(start --run-configuration '{}')"
    expect "$(detail ApplicationStatus)" RUNNING "the status"
}

step_update-code() {
    upload orders-capitals.sql
    sleep 1
    expect "$(version)" 1 "the version" # a new file alone is no update
    finish "$(update --application-configuration-update "$(code_update)")"
    expect "$(version)" 2 "the version"
}

step_update-properties() {
    finish "$(update --application-configuration-update '{"EnvironmentPropertyUpdates": {"PropertyGroups": [
        {"PropertyGroupId": "output", "PropertyMap": {"path": "'"$OUTPUT"'", "label": "second"}}]}}')"
}

step_scale() {
    finish "$(update --application-configuration-update '{"FlinkApplicationConfigurationUpdate": {
        "ParallelismConfigurationUpdate": {"ConfigurationTypeUpdate": "CUSTOM", "ParallelismUpdate": 2}}}')"
    expect "$(detail ApplicationConfigurationDescription.FlinkApplicationConfigurationDescription.ParallelismConfigurationDescription.CurrentParallelism)" 2 "the parallelism"
}

step_snapshot() {
    api create-application-snapshot --application-name $APPLICATION --snapshot-name before-the-fault
    for _ in $(seq 300); do
        [ "$(api describe-application-snapshot --application-name $APPLICATION --snapshot-name before-the-fault --query SnapshotDetails.SnapshotStatus --output text)" != READY ] || return 0
        sleep 0.1
    done
    fail "the snapshot is not READY"
}

step_faulty-update() {
    local id
    for faulty in orders-unplannable.sql orders-other-state.sql; do
        upload $faulty
        id=$(update --application-configuration-update "$(code_update)")
        finish "$id" FAILED
        operation "$id" OperationFailureDetails.ErrorInfo.ErrorString
        await_status RUNNING
        expect "$(version)" 4 "the version" # the one before runs on, and never stopped
    done
}

step_automatic-rollback() {
    local id
    finish "$(update --application-configuration-update '{"ApplicationSystemRollbackConfigurationUpdate": {"RollbackEnabledUpdate": true}}')"
    local before
    before=$(version)
    upload orders-unplannable.sql
    id=$(update --application-configuration-update "$(code_update)")
    finish "$id" FAILED
    await_status RUNNING
    expect "$(version)" "$before" "the version"
    api list-application-operations --application-name $APPLICATION --limit 2
    expect "$(api list-application-operations --application-name $APPLICATION --query 'ApplicationOperationInfoList[0].Operation' --output text)" SystemRollbackApplication "the last operation"
    expect "$(operation "$id" OperationFailureDetails.RollbackOperationId)" \
        "$(api list-application-operations --application-name $APPLICATION --query 'ApplicationOperationInfoList[0].OperationId' --output text)" "the rollback"
}

step_restart-loop() {
    upload orders-restarting.sql
    finish "$(update --application-configuration-update "$(code_update)")"
    for _ in $(seq 300); do # RUNNING all the time: the metric shows it
        [ "$(full_restarts)" -lt 2 ] || break
        sleep 0.1
    done
    [ "$(full_restarts)" -ge 2 ] || fail "the job does not restart"
    expect "$(detail ApplicationStatus)" RUNNING "the status"
}

step_manual-rollback() {
    local before
    before=$(version)
    finish "$(api rollback-application --application-name $APPLICATION --current-application-version-id "$before" --query OperationId --output text)"
    await_status RUNNING
    expect "$(detail ApplicationVersionRolledBackFrom)" "$before" "the version rolled back from"
    expect "$(full_restarts)" 0 "fullRestarts"
}

step_force-stop() {
    upload orders-restarting.sql
    finish "$(update --application-configuration-update "$(code_update)")"
    finish "$(api stop-application --application-name $APPLICATION --force --query OperationId --output text)"
    expect "$(detail ApplicationStatus)" READY "the status"
    # The implicit way back: the old code again, as a new version, from a chosen snapshot.
    upload orders-capitals.sql
    update --application-configuration-update "$(code_update)" >/dev/null
}

step_restore-older() {
    finish "$(start --run-configuration '{"ApplicationRestoreConfiguration": {
        "ApplicationRestoreType": "RESTORE_FROM_CUSTOM_SNAPSHOT", "SnapshotName": "before-the-fault"}}')"
}

step_upgrade() {
    local id
    finish "$(update --runtime-environment-update FLINK-1_20)"
    finish "$(update --runtime-environment-update FLINK-2_2)"
    expect "$(detail RuntimeEnvironment)" FLINK-2_2 "the runtime environment"
    id=$(update --runtime-environment-update FLINK-1_19)
    finish "$id" FAILED # state does not go back
    operation "$id" OperationFailureDetails.ErrorInfo.ErrorString
    await_status RUNNING
    expect "$(detail RuntimeEnvironment)" FLINK-2_2 "the runtime environment"
}

step_stop() {
    finish "$(api stop-application --application-name $APPLICATION --query OperationId --output text)"
    expect "$(detail ApplicationStatus)" READY "the status"
    snapshots
}

step_delete() {
    api delete-application --application-name $APPLICATION --create-timestamp "$(detail CreateTimestamp)"
    for _ in $(seq 100); do
        detail ApplicationStatus >/dev/null 2>&1 || return 0
        sleep 0.1
    done
    fail "the application is still there"
}

readonly STEPS="create start update-code update-properties scale snapshot faulty-update automatic-rollback restart-loop manual-rollback force-stop restore-older upgrade stop delete"
for step in ${*:-$STEPS}; do
    echo "== $step"
    "step_$step"
done
