#include "service/store/database.h"

#include <sqlite3.h>

#include "base/error.h"

namespace millrace {

namespace {

[[noreturn]] void fail(sqlite3* database, const std::string& what) {
    const int code = database ? sqlite3_errcode(database) : SQLITE_NOMEM;
    const std::string reason = database ? sqlite3_errmsg(database) : "out of memory";
    if ((code & 0xFF) == SQLITE_FULL)
        throw UserError("io.no-space", fmt::format("{}: {}", what, reason),
                        "free some disk space in the data folder");
    if ((code & 0xFF) == SQLITE_CORRUPT || (code & 0xFF) == SQLITE_NOTADB)
        throw UserError("store.damaged", fmt::format("{}: {}", what, reason),
                        "restore the data folder from a backup");
    throw UserError("store.failed", fmt::format("{}: {}", what, reason));
}

}  // namespace

Statement::~Statement() { sqlite3_finalize(statement_); }

Statement& Statement::bind(int64_t value) {
    if (sqlite3_bind_int64(statement_, next_++, value) != SQLITE_OK)
        fail(sqlite3_db_handle(statement_), "bind");
    return *this;
}

Statement& Statement::bind(std::string_view value) {
    if (sqlite3_bind_text64(statement_, next_++, value.data() ? value.data() : "", value.size(),
                            SQLITE_TRANSIENT, SQLITE_UTF8) != SQLITE_OK)
        fail(sqlite3_db_handle(statement_), "bind");
    return *this;
}

Statement& Statement::bind(const std::optional<int64_t>& value) {
    if (value) return bind(*value);
    if (sqlite3_bind_null(statement_, next_++) != SQLITE_OK) fail(sqlite3_db_handle(statement_), "bind");
    return *this;
}

bool Statement::step() {
    const int result = sqlite3_step(statement_);
    if (result == SQLITE_ROW) return true;
    if (result != SQLITE_DONE) fail(sqlite3_db_handle(statement_), "the metadata store");
    return false;
}

int64_t Statement::run() {
    MILLRACE_CHECK(!step(), "a statement without rows gave one");
    return sqlite3_changes64(sqlite3_db_handle(statement_));
}

int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_, column); }

std::optional<int64_t> Statement::optionalInteger(int column) const {
    if (sqlite3_column_type(statement_, column) == SQLITE_NULL) return std::nullopt;
    return integer(column);
}

std::string Statement::text(int column) const {
    const auto* const bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return bytes ? std::string(bytes, static_cast<size_t>(sqlite3_column_bytes(statement_, column))) : "";
}

Database::Database(const std::string& path) {
    const int result = sqlite3_open_v2(
        path.c_str(), &database_,
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
    try {
        if (result != SQLITE_OK) fail(database_, "cannot open the metadata store " + path);
        sqlite3_busy_timeout(database_, 5'000);
        execute(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA "
            "cache_size = -1024;"
            "PRAGMA trusted_schema = OFF;");
    } catch (...) {
        sqlite3_close_v2(database_);
        throw;
    }
}

Database::~Database() { sqlite3_close_v2(database_); }

Statement Database::prepare(std::string_view sql) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(database_, sql.data(), static_cast<int>(sql.size()), &statement, nullptr) !=
        SQLITE_OK)
        fail(database_, "the metadata store");
    return Statement(statement);
}

void Database::execute(const std::string& sql) {
    if (sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
        fail(database_, "the metadata store");
}

int64_t Database::lastInsertId() const { return sqlite3_last_insert_rowid(database_); }

}  // namespace millrace
