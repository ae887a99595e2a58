// A thin layer over SQLite: statements that bind and read C++ values, and errors as exceptions. One
// connection, used by one thread at a time (the Store's lock sees to that).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace millrace {

class Statement {
  public:
    Statement(Statement&& other) noexcept : statement_(other.statement_), next_(other.next_) {
        other.statement_ = nullptr;
    }
    ~Statement();

    // Binds the next parameter.
    Statement& bind(int64_t value);
    Statement& bind(std::string_view value);
    Statement& bind(const std::optional<int64_t>& value);

    // To the next row; false when there is none. run() is for statements without rows, and returns the rows
    // changed.
    bool step();
    int64_t run();

    int64_t integer(int column) const;
    std::optional<int64_t> optionalInteger(int column) const;
    std::string text(int column) const;

  private:
    friend class Database;
    explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
    sqlite3_stmt* statement_;
    int next_ = 1;
};

class Database {
  public:
    // A file, or ":memory:". Write-ahead log, synchronous=FULL: what is committed survives the machine's
    // stop. UserError "store.*" names the path and SQLite's reason.
    explicit Database(const std::string& path);
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    Statement prepare(std::string_view sql);
    void execute(const std::string& sql);
    int64_t lastInsertId() const;

  private:
    sqlite3* database_ = nullptr;
};

}  // namespace millrace
