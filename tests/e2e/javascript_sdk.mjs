// Walks an application through its life with the AWS SDK for JavaScript, and prints what the SDK made of each answer.
// usage: node javascript_sdk.mjs URL CONFIGURATION.json     (run by javascript_sdk_test.py)
import {createRequire} from "node:module";
import {readFileSync} from "node:fs";

const [url, configuration] = process.argv.slice(2);
const require = createRequire(process.env.NODE_PACKAGES + "/");
const aws = require("@aws-sdk/client-kinesis-analytics-v2");

const client = new aws.KinesisAnalyticsV2Client({
    endpoint: url,
    region: "us-east-1",
    maxAttempts: 1,
    credentials: {accessKeyId: "test", secretAccessKey: "test"},
});
const call = (action, input) => client.send(new aws[action + "Command"](input));
const name = {ApplicationName: "from-javascript"};
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function until(status) {
    for (let i = 0; i < 600; i++) {
        const {ApplicationDetail} = await call("DescribeApplication", name);
        if (ApplicationDetail.ApplicationStatus === status) return ApplicationDetail;
        await pause(50);
    }
    throw new Error(`never ${status}`);
}

async function failure(promise) {
    try {
        await promise;
        return "no error";
    } catch (error) {
        return {name: error.name, instance: error instanceof aws.KinesisAnalyticsV2ServiceException,
                status: error.$metadata?.httpStatusCode, message: error.message};
    }
}

const seen = {};
const created = await call("CreateApplication", {
    ...name,
    RuntimeEnvironment: "FLINK-1_20",
    ServiceExecutionRole: "arn:aws:iam::000000000000:role/test",
    ApplicationConfiguration: JSON.parse(readFileSync(configuration, "utf8")),
});
seen.created = created.ApplicationDetail;
seen.createdAtIsDate = created.ApplicationDetail.CreateTimestamp instanceof Date;
seen.duplicate = await failure(call("CreateApplication", {
    ...name, RuntimeEnvironment: "FLINK-1_20", ServiceExecutionRole: "arn:aws:iam::000000000000:role/test"}));
seen.unknown = await failure(call("DescribeApplication", {ApplicationName: "nobody"}));
seen.started = await call("StartApplication", name);
seen.running = await until("RUNNING");
await call("CreateApplicationSnapshot", {...name, SnapshotName: "one"});
for (let i = 0; i < 600; i++) {
    seen.snapshot = (await call("DescribeApplicationSnapshot", {...name, SnapshotName: "one"})).SnapshotDetails;
    if (seen.snapshot.SnapshotStatus !== "CREATING") break;
    await pause(50);
}
seen.operations = (await call("ListApplicationOperations", name)).ApplicationOperationInfoList;
seen.operation = (await call("DescribeApplicationOperation",
                             {...name, OperationId: seen.started.OperationId})).ApplicationOperationInfoDetails;
await call("StopApplication", name);
const stopped = await until("READY");
seen.snapshots = (await call("ListApplicationSnapshots", name)).SnapshotSummaries;
seen.listed = (await call("ListApplications", {})).ApplicationSummaries;
await call("DeleteApplication", {...name, CreateTimestamp: stopped.CreateTimestamp});
for (let i = 0; i < 600; i++) {
    seen.gone = await failure(call("DescribeApplication", name));
    if (seen.gone !== "no error") break;
    await pause(50);
}
console.log(JSON.stringify(seen));
