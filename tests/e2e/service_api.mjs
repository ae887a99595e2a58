// The API through the JavaScript SDK as it is. Run in a folder whose node_modules has the SDK: service_api.mjs URL SQL
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import path from "node:path";
import process from "node:process";

const require = createRequire(path.join(process.cwd(), "from-here.js"));
const sdk = require("@aws-sdk/client-kinesis-analytics-v2");
const [url, sql] = process.argv.slice(2);

const client = new sdk.KinesisAnalyticsV2Client({
    endpoint: url,
    region: "us-east-1",
    maxAttempts: 1,
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
});
const call = (name, input) => client.send(new sdk[`${name}Command`](input));
const ApplicationName = "javascript";

async function until(what, condition) {
    for (let tries = 0; tries < 1500; ++tries) {
        if (await condition()) return;
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`${what}: not within 30 s`);
}
const status = async () => (await call("DescribeApplication", { ApplicationName })).ApplicationDetail.ApplicationStatus;
const errorOf = async (promise) => {
    try {
        await promise;
    } catch (error) {
        return error;
    }
    throw new Error("no error came");
};

const { ApplicationDetail: made } = await call("CreateApplication", {
    ApplicationName,
    RuntimeEnvironment: "FLINK-1_20",
    ServiceExecutionRole: "arn:aws:iam::000000000000:role/test",
    ApplicationConfiguration: {
        ApplicationCodeConfiguration: { CodeContentType: "PLAINTEXT", CodeContent: { TextContent: sql } },
        ApplicationSnapshotConfiguration: { SnapshotsEnabled: true },
    },
});
assert.equal(made.ApplicationStatus, "READY");
assert.ok(made.CreateTimestamp instanceof Date && made.CreateTimestamp.getTime() % 1000 === 0);

const { OperationId } = await call("StartApplication", { ApplicationName });
await until("RUNNING", async () => (await status()) === "RUNNING");
const { ApplicationOperationInfoDetails: operation } = await call("DescribeApplicationOperation", { ApplicationName, OperationId });
assert.equal(operation.OperationStatus, "SUCCESSFUL");
assert.ok(operation.EndTime >= operation.StartTime);

await call("CreateApplicationSnapshot", { ApplicationName, SnapshotName: "one" });
await until("the snapshot", async () => {
    const { SnapshotDetails } = await call("DescribeApplicationSnapshot", { ApplicationName, SnapshotName: "one" });
    return SnapshotDetails.SnapshotStatus === "READY";
});
assert.equal((await call("ListApplicationSnapshots", { ApplicationName })).SnapshotSummaries.length, 1);
await call("StopApplication", { ApplicationName });
await until("READY", async () => (await status()) === "READY");
assert.equal((await call("ListApplicationSnapshots", { ApplicationName })).SnapshotSummaries.length, 2);
assert.equal((await call("ListApplicationOperations", { ApplicationName })).ApplicationOperationInfoList.length, 3);
assert.equal((await call("ListApplications", {})).ApplicationSummaries.length, 1);

const inUse = await errorOf(call("StopApplication", { ApplicationName }));
assert.ok(inUse instanceof sdk.ResourceInUseException, inUse.name);
assert.match(inUse.message, /READY/);
const refused = await errorOf(call("DeleteApplication", { ApplicationName, CreateTimestamp: new Date(0) }));
assert.ok(refused instanceof sdk.InvalidArgumentException, refused.name);

await call("DeleteApplication", { ApplicationName, CreateTimestamp: made.CreateTimestamp });
await until("it to be gone", async () => {
    try {
        await status();
    } catch (error) {
        assert.ok(error instanceof sdk.ResourceNotFoundException, error.name);
        return true;
    }
});
console.log("all is well");
