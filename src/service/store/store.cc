#include "service/store/store.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "service/store/schema.h"

namespace millrace {

namespace {

constexpr const char* kApplicationStatuses[] = {"READY",          "STARTING",     "RUNNING",    "STOPPING",
                                                "FORCE_STOPPING", "DELETING",     "UPDATING",   "AUTOSCALING",
                                                "MAINTENANCE",    "ROLLING_BACK", "ROLLED_BACK"};
constexpr const char* kOperationStatuses[] = {"IN_PROGRESS", "SUCCESSFUL", "FAILED", "CANCELLED"};
constexpr const char* kSnapshotStatuses[] = {"CREATING", "READY", "DELETING", "FAILED"};

template <class Status, size_t kCount>
Status statusOf(const std::string& text, const char* const (&names)[kCount]) {
    for (size_t i = 0; i < kCount; ++i)
        if (text == names[i]) return static_cast<Status>(i);
    throw UserError("store.damaged", fmt::format("the metadata store holds an unknown status '{}'", text),
                    "it was written by a later version, or is damaged");
}

constexpr const char* kApplicationColumns =
    "id, name, arn, description, runtime_environment, service_execution_role, mode, status, version_id, "
    "version_id_max, "
    "create_time, last_update_time, run_configuration, logging_options, tags, changes, rolled_back_from, "
    "maintenance_start, parallelism";
Application readApplication(const Statement& row) {
    return {row.integer(0),
            row.text(1),
            row.text(2),
            row.text(3),
            row.text(4),
            row.text(5),
            row.text(6),
            statusOf<ApplicationStatus>(row.text(7), kApplicationStatuses),
            row.integer(8),
            row.integer(9),
            row.integer(10),
            row.integer(11),
            row.text(12),
            row.text(13),
            row.text(14),
            row.integer(15),
            row.optionalInteger(16),
            row.text(17),
            row.integer(18)};
}

constexpr const char* kVersionColumns =
    "application_id, version_id, configuration, code_sha256, create_time, updated_from, runtime_environment, "
    "service_execution_role, logging_options, rolled_back_to";
ApplicationVersion readVersion(const Statement& row) {
    return {row.integer(0),         row.integer(1), row.text(2), row.text(3), row.integer(4),
            row.optionalInteger(5), row.text(6),    row.text(7), row.text(8), row.optionalInteger(9)};
}

constexpr const char* kSnapshotColumns =
    "id, application_id, name, status, manual, version_id, runtime_environment, create_time, location";
SnapshotRecord readSnapshot(const Statement& row) {
    return {row.integer(0),      row.integer(1),
            row.text(2),         statusOf<SnapshotStatus>(row.text(3), kSnapshotStatuses),
            row.integer(4) != 0, row.integer(5),
            row.text(6),         row.integer(7),
            row.text(8)};
}

constexpr const char* kOperationColumns =
    "sequence, id, application_id, kind, listed, status, start_time, end_time, step, undoing, "
    "cancel_requested, error, state";
Operation readOperation(const Statement& row) {
    return {row.integer(0),       row.text(1),
            row.integer(2),       row.text(3),
            row.integer(4) != 0,  statusOf<OperationStatus>(row.text(5), kOperationStatuses),
            row.integer(6),       row.optionalInteger(7),
            row.integer(8),       row.integer(9) != 0,
            row.integer(10) != 0, row.text(11),
            row.text(12)};
}

constexpr const char* kClusterColumns =
    "application_id, engine, pid, process_start_time, boot_id, port, job_id, job_ids, origin, damaged, "
    "full_restarts, "
    "restarts_in_a_row, ready_time_ms, restart_not_before_ms, version_id, parallelism, release";
std::vector<std::string> readTexts(const std::string& json) {
    return nlohmann::json::parse(json).get<std::vector<std::string>>();
}
ClusterRecord readCluster(const Statement& row) {
    return {row.integer(0),
            row.text(1),
            ProcessIdentity{row.integer(2), row.integer(3), row.text(4)},
            row.integer(5),
            row.text(6),
            readTexts(row.text(7)),
            row.text(8),
            readTexts(row.text(9)),
            row.integer(10),
            row.integer(11),
            row.integer(12),
            row.integer(13),
            row.integer(14),
            row.integer(15),
            row.text(16)};
}

template <class Row>
std::vector<Row> readAll(Statement statement, Row (*read)(const Statement&)) {
    std::vector<Row> rows;
    while (statement.step())
        rows.push_back(read(statement));
    return rows;
}

template <class Row>
std::optional<Row> readOne(Statement statement, Row (*read)(const Statement&)) {
    if (!statement.step()) return std::nullopt;
    return read(statement);
}

}  // namespace

const char* toText(ApplicationStatus status) { return kApplicationStatuses[static_cast<int>(status)]; }
const char* toText(OperationStatus status) { return kOperationStatuses[static_cast<int>(status)]; }
const char* toText(SnapshotStatus status) { return kSnapshotStatuses[static_cast<int>(status)]; }

void show(Application& application, const ApplicationVersion& version) {
    application.version_id = version.version_id;
    application.runtime_environment = version.runtime_environment;
    application.service_execution_role = version.service_execution_role;
    application.logging_options = version.logging_options;
    ++application.changes;
}

Store::Store(const std::string& path) : database_(path) {
    transaction([&] {
        const auto known = static_cast<int64_t>(schemaSteps().size());
        int64_t step = 0;
        if (auto version = database_.prepare("PRAGMA user_version"); version.step())
            step = version.integer(0);
        if (step > known)
            throw UserError(
                "store.too-new",
                fmt::format("the metadata store {} was written by a later version of Millrace", path),
                "run that version, or use another data folder");
        for (; step < known; ++step)
            database_.execute(schemaSteps()[static_cast<size_t>(step)]);
        database_.execute(fmt::format("PRAGMA user_version = {}", known));
    });
}

void Store::transaction(const std::function<void()>& work) {
    Lock lock(mutex_);
    if (depth_ > 0) return work();
    database_.execute("BEGIN IMMEDIATE");
    ++depth_;
    try {
        work();
        database_.execute("COMMIT");
    } catch (...) {
        --depth_;
        try {
            database_.execute("ROLLBACK");
        } catch (const UserError&) {
            // SQLite has rolled back by itself (a full disk); the first error is the one to tell.
        }
        throw;
    }
    --depth_;
}

int64_t Store::insertApplication(const Application& a) {
    Lock lock(mutex_);
    database_
        .prepare(
            "INSERT INTO applications (name, arn, description, runtime_environment, service_execution_role, "
            "mode, status, "
            "version_id, version_id_max, create_time, last_update_time, run_configuration, logging_options, "
            "tags, changes, rolled_back_from, maintenance_start, parallelism) "
            "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)")
        .bind(a.name)
        .bind(a.arn)
        .bind(a.description)
        .bind(a.runtime_environment)
        .bind(a.service_execution_role)
        .bind(a.mode)
        .bind(toText(a.status))
        .bind(a.version_id)
        .bind(a.version_id_max)
        .bind(a.create_time)
        .bind(a.last_update_time)
        .bind(a.run_configuration)
        .bind(a.logging_options)
        .bind(a.tags)
        .bind(a.changes)
        .bind(a.rolled_back_from)
        .bind(a.maintenance_start)
        .bind(a.parallelism)
        .run();
    return database_.lastInsertId();
}

std::optional<Application> Store::findApplication(const std::string& name) {
    Lock lock(mutex_);
    auto statement =
        database_.prepare(fmt::format("SELECT {} FROM applications WHERE name = ?", kApplicationColumns));
    statement.bind(name);
    return readOne(std::move(statement), readApplication);
}

std::optional<Application> Store::findApplication(int64_t id) {
    Lock lock(mutex_);
    auto statement =
        database_.prepare(fmt::format("SELECT {} FROM applications WHERE id = ?", kApplicationColumns));
    statement.bind(id);
    return readOne(std::move(statement), readApplication);
}

std::vector<Application> Store::listApplications(const std::string& after, int64_t limit) {
    Lock lock(mutex_);
    auto statement = database_.prepare(
        fmt::format("SELECT {} FROM applications WHERE name > ? ORDER BY name LIMIT ?", kApplicationColumns));
    statement.bind(after).bind(limit);
    return readAll(std::move(statement), readApplication);
}

void Store::updateApplication(const Application& a) {
    Lock lock(mutex_);
    const int64_t changed = database_
                                .prepare(
                                    "UPDATE applications SET description=?, runtime_environment=?, "
                                    "service_execution_role=?, status=?, "
                                    "version_id=?, version_id_max=?, last_update_time=?, "
                                    "run_configuration=?, logging_options=?, tags=?, changes=?, "
                                    "rolled_back_from=?, maintenance_start=?, parallelism=? "
                                    "WHERE id=?")
                                .bind(a.description)
                                .bind(a.runtime_environment)
                                .bind(a.service_execution_role)
                                .bind(toText(a.status))
                                .bind(a.version_id)
                                .bind(a.version_id_max)
                                .bind(a.last_update_time)
                                .bind(a.run_configuration)
                                .bind(a.logging_options)
                                .bind(a.tags)
                                .bind(a.changes)
                                .bind(a.rolled_back_from)
                                .bind(a.maintenance_start)
                                .bind(a.parallelism)
                                .bind(a.id)
                                .run();
    MILLRACE_CHECK(changed == 1, "application {} is not stored", a.name);
}

void Store::deleteApplication(int64_t id) {
    Lock lock(mutex_);
    database_.prepare("DELETE FROM applications WHERE id = ?").bind(id).run();
}

void Store::insertVersion(const ApplicationVersion& v) {
    Lock lock(mutex_);
    database_.prepare(fmt::format("INSERT INTO versions ({}) VALUES (?,?,?,?,?,?,?,?,?,?)", kVersionColumns))
        .bind(v.application_id)
        .bind(v.version_id)
        .bind(v.configuration)
        .bind(v.code_sha256)
        .bind(v.create_time)
        .bind(v.updated_from)
        .bind(v.runtime_environment)
        .bind(v.service_execution_role)
        .bind(v.logging_options)
        .bind(v.rolled_back_to)
        .run();
}

void Store::noteRolledBack(int64_t application_id, int64_t version_id, int64_t to) {
    Lock lock(mutex_);
    database_.prepare("UPDATE versions SET rolled_back_to = ? WHERE application_id = ? AND version_id = ?")
        .bind(to)
        .bind(application_id)
        .bind(version_id)
        .run();
}

std::optional<ApplicationVersion> Store::findVersion(int64_t application_id, int64_t version_id) {
    Lock lock(mutex_);
    auto statement = database_.prepare(
        fmt::format("SELECT {} FROM versions WHERE application_id = ? AND version_id = ?", kVersionColumns));
    statement.bind(application_id).bind(version_id);
    return readOne(std::move(statement), readVersion);
}

std::vector<ApplicationVersion> Store::listVersions(int64_t application_id, std::optional<int64_t> before,
                                                    int64_t limit) {
    Lock lock(mutex_);
    auto statement =
        database_.prepare(fmt::format("SELECT {} FROM versions WHERE application_id = ?1 AND (?2 IS NULL OR "
                                      "version_id < ?2) ORDER BY version_id DESC LIMIT ?3",
                                      kVersionColumns));
    statement.bind(application_id).bind(before).bind(limit);
    return readAll(std::move(statement), readVersion);
}

std::vector<std::string> Store::usedCode() {
    Lock lock(mutex_);
    auto row = database_.prepare("SELECT DISTINCT code_sha256 FROM versions WHERE code_sha256 <> ''");
    std::vector<std::string> used;
    while (row.step())
        used.push_back(row.text(0));
    return used;
}

int64_t Store::insertSnapshot(const SnapshotRecord& s) {
    Lock lock(mutex_);
    database_
        .prepare(
            "INSERT INTO snapshots (application_id, name, status, manual, version_id, runtime_environment, "
            "create_time, "
            "location) VALUES (?,?,?,?,?,?,?,?)")
        .bind(s.application_id)
        .bind(s.name)
        .bind(toText(s.status))
        .bind(static_cast<int64_t>(s.manual))
        .bind(s.version_id)
        .bind(s.runtime_environment)
        .bind(s.create_time)
        .bind(s.location)
        .run();
    return database_.lastInsertId();
}

std::optional<SnapshotRecord> Store::findSnapshot(int64_t application_id, const std::string& name) {
    Lock lock(mutex_);
    auto statement = database_.prepare(
        fmt::format("SELECT {} FROM snapshots WHERE application_id = ? AND name = ?", kSnapshotColumns));
    statement.bind(application_id).bind(name);
    return readOne(std::move(statement), readSnapshot);
}

std::optional<SnapshotRecord> Store::findLatestSnapshot(int64_t application_id,
                                                        std::optional<int64_t> version_id) {
    Lock lock(mutex_);
    auto statement = database_.prepare(
        fmt::format("SELECT {} FROM snapshots WHERE application_id = ?1 AND status = 'READY' AND "
                    "(?2 IS NULL OR version_id = ?2) ORDER BY id DESC LIMIT 1",
                    kSnapshotColumns));
    statement.bind(application_id).bind(version_id);
    return readOne(std::move(statement), readSnapshot);
}

std::vector<SnapshotRecord> Store::listSnapshots(int64_t application_id, std::optional<int64_t> before,
                                                 int64_t limit) {
    Lock lock(mutex_);
    auto statement =
        database_.prepare(fmt::format("SELECT {} FROM snapshots WHERE application_id = ? AND (?2 IS NULL OR "
                                      "id < ?2) ORDER BY id DESC LIMIT ?3",
                                      kSnapshotColumns));
    statement.bind(application_id).bind(before).bind(limit);
    return readAll(std::move(statement), readSnapshot);
}

int64_t Store::countManualSnapshots(int64_t application_id) {
    Lock lock(mutex_);
    auto row = database_.prepare("SELECT count(*) FROM snapshots WHERE application_id = ? AND manual = 1");
    row.bind(application_id);
    return row.step() ? row.integer(0) : 0;
}

void Store::updateSnapshot(const SnapshotRecord& s) {
    Lock lock(mutex_);
    database_.prepare("UPDATE snapshots SET status=?, location=? WHERE id=?")
        .bind(toText(s.status))
        .bind(s.location)
        .bind(s.id)
        .run();
}

void Store::deleteSnapshot(int64_t id) {
    Lock lock(mutex_);
    database_.prepare("DELETE FROM snapshots WHERE id = ?").bind(id).run();
}

int64_t Store::insertOperation(const Operation& o) {
    Lock lock(mutex_);
    database_
        .prepare(
            "INSERT INTO operations (id, application_id, kind, listed, status, start_time, end_time, step, "
            "undoing, "
            "cancel_requested, error, state) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)")
        .bind(o.id)
        .bind(o.application_id)
        .bind(o.kind)
        .bind(static_cast<int64_t>(o.listed))
        .bind(toText(o.status))
        .bind(o.start_time)
        .bind(o.end_time)
        .bind(o.step)
        .bind(static_cast<int64_t>(o.undoing))
        .bind(static_cast<int64_t>(o.cancel_requested))
        .bind(o.error)
        .bind(o.state)
        .run();
    return database_.lastInsertId();
}

std::optional<Operation> Store::findOperation(int64_t sequence) {
    Lock lock(mutex_);
    auto statement =
        database_.prepare(fmt::format("SELECT {} FROM operations WHERE sequence = ?", kOperationColumns));
    statement.bind(sequence);
    return readOne(std::move(statement), readOperation);
}

std::optional<Operation> Store::findOperation(int64_t application_id, const std::string& id) {
    Lock lock(mutex_);
    auto statement = database_.prepare(fmt::format(
        "SELECT {} FROM operations WHERE application_id = ? AND id = ? AND listed = 1", kOperationColumns));
    statement.bind(application_id).bind(id);
    return readOne(std::move(statement), readOperation);
}

std::vector<Operation> Store::listOperations(int64_t application_id, std::optional<int64_t> before,
                                             int64_t limit, const std::string& kind,
                                             std::optional<OperationStatus> status) {
    Lock lock(mutex_);
    auto statement = database_.prepare(
        fmt::format("SELECT {} FROM operations WHERE application_id = ?1 AND listed = 1 AND (?2 IS NULL OR "
                    "sequence < ?2) AND "
                    "(?3 = '' OR kind = ?3) AND (?4 = '' OR status = ?4) ORDER BY sequence DESC LIMIT ?5",
                    kOperationColumns));
    statement.bind(application_id).bind(before).bind(kind).bind(status ? toText(*status) : "").bind(limit);
    return readAll(std::move(statement), readOperation);
}

std::vector<Operation> Store::operationsInProgress() {
    Lock lock(mutex_);
    return readAll(
        database_.prepare(fmt::format(
            "SELECT {} FROM operations WHERE status = 'IN_PROGRESS' ORDER BY sequence", kOperationColumns)),
        readOperation);
}

std::vector<Operation> Store::operationsInProgress(int64_t application_id) {
    Lock lock(mutex_);
    auto statement = database_.prepare(fmt::format(
        "SELECT {} FROM operations WHERE status = 'IN_PROGRESS' AND application_id = ? ORDER BY sequence",
        kOperationColumns));
    statement.bind(application_id);
    return readAll(std::move(statement), readOperation);
}

void Store::updateOperation(const Operation& o) {
    Lock lock(mutex_);
    database_
        .prepare(
            "UPDATE operations SET status=?, end_time=?, step=?, undoing=?, error=?, state=? WHERE "
            "sequence=?")
        .bind(toText(o.status))
        .bind(o.end_time)
        .bind(o.step)
        .bind(static_cast<int64_t>(o.undoing))
        .bind(o.error)
        .bind(o.state)
        .bind(o.sequence)
        .run();
}

void Store::requestCancel(int64_t application_id) {
    Lock lock(mutex_);
    database_
        .prepare(
            "UPDATE operations SET cancel_requested = 1 WHERE application_id = ? AND status = 'IN_PROGRESS'")
        .bind(application_id)
        .run();
}

void Store::trimOperations(int64_t application_id, int64_t keep) {
    Lock lock(mutex_);
    database_
        .prepare(
            "DELETE FROM operations WHERE application_id = ?1 AND status <> 'IN_PROGRESS' AND sequence <= "
            "(SELECT sequence FROM operations WHERE application_id = ?1 ORDER BY sequence DESC LIMIT 1 "
            "OFFSET ?2)")
        .bind(application_id)
        .bind(keep)
        .run();
}

void Store::saveCluster(const ClusterRecord& c) {
    Lock lock(mutex_);
    database_
        .prepare(
            fmt::format("INSERT OR REPLACE INTO clusters ({}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                        kClusterColumns))
        .bind(c.application_id)
        .bind(c.engine)
        .bind(c.process.pid)
        .bind(c.process.start_time)
        .bind(c.process.boot_id)
        .bind(c.port)
        .bind(c.job_id)
        .bind(nlohmann::json(c.job_ids).dump())
        .bind(c.origin)
        .bind(nlohmann::json(c.damaged).dump())
        .bind(c.full_restarts)
        .bind(c.restarts_in_a_row)
        .bind(c.ready_time_ms)
        .bind(c.restart_not_before_ms)
        .bind(c.version_id)
        .bind(c.parallelism)
        .bind(c.release)
        .run();
}

std::optional<ClusterRecord> Store::findCluster(int64_t application_id) {
    Lock lock(mutex_);
    auto statement =
        database_.prepare(fmt::format("SELECT {} FROM clusters WHERE application_id = ?", kClusterColumns));
    statement.bind(application_id);
    return readOne(std::move(statement), readCluster);
}

std::vector<ClusterRecord> Store::listClusters() {
    Lock lock(mutex_);
    return readAll(
        database_.prepare(fmt::format("SELECT {} FROM clusters ORDER BY application_id", kClusterColumns)),
        readCluster);
}

void Store::deleteCluster(int64_t application_id) {
    Lock lock(mutex_);
    database_.prepare("DELETE FROM clusters WHERE application_id = ?").bind(application_id).run();
}

}  // namespace millrace
