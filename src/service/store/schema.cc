#include "service/store/schema.h"

namespace millrace {

const std::vector<const char*>& schemaSteps() {
    static const std::vector<const char*> steps{R"sql(
CREATE TABLE applications (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    arn TEXT NOT NULL,
    description TEXT NOT NULL,
    runtime_environment TEXT NOT NULL,
    service_execution_role TEXT NOT NULL,
    mode TEXT NOT NULL,
    status TEXT NOT NULL,
    version_id INTEGER NOT NULL,
    version_id_max INTEGER NOT NULL,
    create_time INTEGER NOT NULL,
    last_update_time INTEGER NOT NULL,
    run_configuration TEXT NOT NULL,
    logging_options TEXT NOT NULL,
    tags TEXT NOT NULL
) STRICT;
CREATE TABLE versions (
    application_id INTEGER NOT NULL REFERENCES applications(id) ON DELETE CASCADE,
    version_id INTEGER NOT NULL,
    configuration TEXT NOT NULL,
    code_sha256 TEXT NOT NULL,
    create_time INTEGER NOT NULL,
    updated_from INTEGER,
    PRIMARY KEY (application_id, version_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE snapshots (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    application_id INTEGER NOT NULL REFERENCES applications(id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    manual INTEGER NOT NULL,
    version_id INTEGER NOT NULL,
    runtime_environment TEXT NOT NULL,
    create_time INTEGER NOT NULL,
    location TEXT NOT NULL,
    UNIQUE (application_id, name)
) STRICT;
CREATE TABLE operations (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    application_id INTEGER NOT NULL REFERENCES applications(id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    listed INTEGER NOT NULL,
    status TEXT NOT NULL,
    start_time INTEGER NOT NULL,
    end_time INTEGER,
    step INTEGER NOT NULL,
    undoing INTEGER NOT NULL,
    cancel_requested INTEGER NOT NULL,
    error TEXT NOT NULL,
    state TEXT NOT NULL
) STRICT;
CREATE INDEX operations_of_application ON operations (application_id, sequence);
CREATE INDEX operations_in_progress ON operations (sequence) WHERE status = 'IN_PROGRESS';
CREATE TABLE clusters (
    application_id INTEGER PRIMARY KEY REFERENCES applications(id) ON DELETE CASCADE,
    engine TEXT NOT NULL,
    pid INTEGER NOT NULL,
    process_start_time INTEGER NOT NULL,
    boot_id TEXT NOT NULL,
    port INTEGER NOT NULL,
    job_id TEXT NOT NULL,
    job_ids TEXT NOT NULL,
    origin TEXT NOT NULL,
    damaged TEXT NOT NULL,
    full_restarts INTEGER NOT NULL,
    restarts_in_a_row INTEGER NOT NULL,
    ready_time_ms INTEGER NOT NULL,
    restart_not_before_ms INTEGER NOT NULL
) STRICT;
)sql",
                                                R"sql(
ALTER TABLE applications ADD COLUMN changes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE applications ADD COLUMN rolled_back_from INTEGER;
ALTER TABLE applications ADD COLUMN maintenance_start TEXT NOT NULL DEFAULT '06:00';
ALTER TABLE applications ADD COLUMN parallelism INTEGER NOT NULL DEFAULT 0;
ALTER TABLE versions ADD COLUMN runtime_environment TEXT NOT NULL DEFAULT '';
ALTER TABLE versions ADD COLUMN service_execution_role TEXT NOT NULL DEFAULT '';
ALTER TABLE versions ADD COLUMN logging_options TEXT NOT NULL DEFAULT '';
ALTER TABLE versions ADD COLUMN rolled_back_to INTEGER;
UPDATE versions SET (runtime_environment, service_execution_role, logging_options) =
    (SELECT runtime_environment, service_execution_role, logging_options FROM applications
     WHERE id = application_id);
ALTER TABLE clusters ADD COLUMN version_id INTEGER NOT NULL DEFAULT 1;
ALTER TABLE clusters ADD COLUMN parallelism INTEGER NOT NULL DEFAULT 0;
ALTER TABLE clusters ADD COLUMN release TEXT NOT NULL DEFAULT '';
UPDATE clusters SET version_id = (SELECT version_id FROM applications WHERE id = application_id);
CREATE TABLE usage (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    application_name TEXT NOT NULL,
    application_arn TEXT NOT NULL,
    version_id INTEGER NOT NULL,
    kpus INTEGER NOT NULL,
    start_ms INTEGER NOT NULL,
    end_ms INTEGER
) STRICT;
CREATE INDEX usage_of_name ON usage (application_name, start_ms);
CREATE UNIQUE INDEX usage_open ON usage (application_arn) WHERE end_ms IS NULL;
)sql"};
    return steps;
}

}  // namespace millrace
