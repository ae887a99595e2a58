// Metering in the metadata store.
#include "service/store/store.h"

namespace millrace {

void Store::beginUsage(const Application& application, int64_t version_id, int64_t kpus, int64_t now_ms) {
    transaction([&] {
        auto open = database_.prepare(
            "SELECT version_id, kpus FROM usage WHERE application_arn = ? AND end_ms IS NULL");
        open.bind(application.arn);
        if (open.step()) {
            if (open.integer(0) == version_id && open.integer(1) == kpus) return;
            endUsage(application.arn, now_ms);
        }
        database_
            .prepare(
                "INSERT INTO usage (application_name, application_arn, version_id, kpus, start_ms) VALUES "
                "(?,?,?,?,?)")
            .bind(application.name)
            .bind(application.arn)
            .bind(version_id)
            .bind(kpus)
            .bind(now_ms)
            .run();
    });
}

void Store::endUsage(const std::string& application_arn, int64_t now_ms) {
    Lock lock(mutex_);
    database_
        .prepare("UPDATE usage SET end_ms = max(?1, start_ms) WHERE application_arn = ?2 AND end_ms IS NULL")
        .bind(now_ms)
        .bind(application_arn)
        .run();
}

std::vector<UsageRecord> Store::listUsage(const std::string& application_name, int64_t from_ms,
                                          int64_t to_ms) {
    Lock lock(mutex_);
    auto row = database_.prepare(
        "SELECT application_name, application_arn, version_id, kpus, start_ms, end_ms FROM usage "
        "WHERE (?1 = '' OR application_name = ?1) AND start_ms < ?3 AND (end_ms IS NULL OR end_ms > ?2) "
        "ORDER BY id");
    row.bind(application_name).bind(from_ms).bind(to_ms);
    std::vector<UsageRecord> all;
    while (row.step())
        all.push_back({row.text(0), row.text(1), row.integer(2), row.integer(3), row.integer(4),
                       row.optionalInteger(5)});
    return all;
}

}  // namespace millrace
