#include "cli/shell/completer.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/error.h"
#include "cli/shell/shell_settings.h"
#include "sql/parse/lexer.h"

namespace millrace::cli {

namespace {

using sql::Token;
using sql::TokenKind;

constexpr auto kKeywords = std::to_array<std::string_view>(
    {"ALL",       "ALTER",       "ANALYZE",   "AND",       "ANTI",        "ANY",       "ARRAY",
     "AS",        "ASC",         "BEGIN",     "BETWEEN",   "BIGINT",      "BOOLEAN",   "BY",
     "BYTES",     "CASE",        "CAST",      "CATALOG",   "CATALOGS",    "CLEAR",     "COLUMNS",
     "CREATE",    "CROSS",       "CUBE",      "CUMULATE",  "CURRENT",     "DATABASE",  "DATABASES",
     "DATE",      "DECIMAL",     "DESC",      "DESCRIBE",  "DESCRIPTOR",  "DISTINCT",  "DOUBLE",
     "DROP",      "ELSE",        "END",       "ENFORCED",  "EXCEPT",      "EXECUTE",   "EXISTS",
     "EXIT",      "EXPLAIN",     "FALSE",     "FILTER",    "FLOAT",       "FOLLOWING", "FOR",
     "FROM",      "FULL",        "FUNCTION",  "FUNCTIONS", "GROUP",       "GROUPING",  "HAVING",
     "HELP",      "HOP",         "IF",        "IN",        "INNER",       "INSERT",    "INT",
     "INTERSECT", "INTERVAL",    "INTO",      "IS",        "JOIN",        "KEY",       "LATERAL",
     "LEFT",      "LIKE",        "LIMIT",     "MAP",       "METADATA",    "NOT",       "NULL",
     "OFFSET",    "ON",          "OR",        "ORDER",     "OUTER",       "OVER",      "OVERWRITE",
     "PARTITION", "PARTITIONED", "PRECEDING", "PRIMARY",   "QUALIFY",     "QUIT",      "RANGE",
     "RESET",     "RIGHT",       "ROLLUP",    "ROW",       "ROWS",        "SELECT",    "SESSION",
     "SET",       "SHOW",        "STATEMENT", "STRING",    "SYSTEM_TIME", "TABLE",     "TABLES",
     "TEMPORARY", "THEN",        "TIMESTAMP", "TRUE",      "TUMBLE",      "UNBOUNDED", "UNION",
     "USE",       "USING",       "VALUES",    "VIEW",      "VIEWS",       "WATERMARK", "WHEN",
     "WHERE",     "WINDOW",      "WITH"});
constexpr std::array<std::string_view, 3> kCommands = {"\\clear", "\\help", "\\quit"};

// After these a table stands.
bool namesTable(std::string_view upper) {
    return upper == "FROM" || upper == "JOIN" || upper == "INTO" || upper == "TABLE" || upper == "DESCRIBE" ||
           upper == "DESC" || upper == "VIEW";
}

bool startsWith(std::string_view text, std::string_view prefix) {
    if (text.size() < prefix.size()) return false;
    return sql::toUpper(text.substr(0, prefix.size())) == sql::toUpper(prefix);
}

bool isNamePart(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$' ||
           static_cast<unsigned char>(c) >= 0x80;
}

// As SQL writes the name where it stands alone.
std::string written(const std::string& name) {
    const bool plain = !name.empty() && std::isdigit(static_cast<unsigned char>(name[0])) == 0 &&
                       std::all_of(name.begin(), name.end(), isNamePart) &&
                       !sql::isReserved(sql::toUpper(name));
    if (plain) return name;
    std::string text = "`";
    for (const char c : name)
        text.append(c == '`' ? 2 : 1, c);
    return text + "`";
}

// The value of an option that the statement has given already, 'connector' = 'x'; "" if it has not.
std::string optionIn(const std::vector<Token>& tokens, std::string_view key) {
    for (size_t i = 0; i + 2 < tokens.size(); ++i)
        if (tokens[i].kind == TokenKind::String && tokens[i].text == key && tokens[i + 1].text == "=" &&
            tokens[i + 2].kind == TokenKind::String)
            return tokens[i + 2].text;
    return "";
}

class Candidates {
  public:
    Candidates(size_t begin, std::string prefix) : prefix_(std::move(prefix)) { found_.begin = begin; }

    void add(std::string text, const std::string& suffix) {
        if (startsWith(text, prefix_) && seen_.insert(text).second)
            found_.candidates.push_back({std::move(text), suffix});
    }
    // In lower case where the word was begun so.
    void addKeyword(std::string_view keyword) {
        std::string text(keyword);
        const bool lower =
            std::any_of(prefix_.begin(), prefix_.end(), [](char c) { return c >= 'a' && c <= 'z'; });
        if (lower)
            std::transform(text.begin(), text.end(), text.begin(), [](char c) {
                return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
            });
        add(std::move(text), " ");
    }
    bool empty() const { return found_.candidates.empty(); }
    Completion take() {
        std::sort(found_.candidates.begin(), found_.candidates.end(),
                  [](const auto& a, const auto& b) { return a.text < b.text; });
        return std::move(found_);
    }

  private:
    std::string prefix_;
    Completion found_;
    std::set<std::string> seen_;
};

}  // namespace

// Where the cursor is.
struct Completer::Place {
    std::vector<Token> before;  // tokens that end before the word at the cursor, of its statement
    std::vector<Token> all;     // those of the whole statement
    size_t begin = 0;           // of the word
    std::string word;
    bool in_string = false;

    const Token& last(size_t from_end = 0) const {
        static const Token none;
        return from_end < before.size() ? before[before.size() - 1 - from_end] : none;
    }
    bool beginsWith(std::string_view upper) const { return !before.empty() && before.front().upper == upper; }
};

std::vector<std::string> Completer::column(const std::string& statement) const {
    std::vector<std::string> values;
    try {
        const auto script = session_.parse(statement);
        for (auto& row : session_.execute(*script, 0).table.rows)
            values.push_back(std::move(row.front()));
    } catch (const UserError&) {
        // What does not exist completes nothing.
    }
    return values;
}

std::vector<std::string> Completer::relations() const {
    std::vector<std::string> names = column("SHOW TABLES");
    for (std::string& view : column("SHOW VIEWS"))
        names.push_back(std::move(view));
    return names;
}

// Of the tables that the statement names; with a qualifier, of the one that it names or stands for.
std::vector<std::string> Completer::columnsOf(const Place& place, const std::string& qualifier) const {
    const std::vector<std::string> known = relations();
    std::vector<std::string> columns;
    const auto& tokens = place.all;
    for (size_t i = 0; i < tokens.size(); ++i) {
        if (tokens[i].kind != TokenKind::Word && tokens[i].kind != TokenKind::QuotedWord) continue;
        if (std::find(known.begin(), known.end(), tokens[i].text) == known.end()) continue;
        if (!qualifier.empty() && tokens[i].text != qualifier) {
            const size_t alias = i + 1 < tokens.size() && tokens[i + 1].upper == "AS" ? i + 2 : i + 1;
            if (alias >= tokens.size() || tokens[alias].text != qualifier) continue;
        }
        for (std::string& name : column("DESCRIBE " + written(tokens[i].text)))
            columns.push_back(std::move(name));
    }
    return columns;
}

std::vector<std::string> Completer::columnsOfAll() const {
    constexpr size_t kRelationsMax = 100;  // each is asked for while somebody waits
    std::vector<std::string> names = relations();
    names.resize(std::min(names.size(), kRelationsMax));
    std::vector<std::string> columns;
    for (const std::string& name : names)
        for (std::string& one : column("DESCRIBE " + written(name)))
            columns.push_back(std::move(one));
    return columns;
}

std::vector<std::string> Completer::optionsOf(const Place& place) const {
    std::vector<std::string> keys{"connector"};
    const std::string connector = optionIn(place.all, "connector");
    const std::string format = optionIn(place.all, "format");
    for (const ConnectorDescriptor& one : registry_.connectors) {
        if (one.name != connector) continue;
        for (const OptionDescription& option : one.options)
            keys.push_back(option.key.substr(0, option.key.find('#')));
        if (one.uses_format) keys.emplace_back("format");
    }
    if (const auto found = registry_.formats.find(format); found != registry_.formats.end())
        for (const OptionDescription& option : found->second)
            keys.push_back(option.key);
    return keys;
}

std::vector<std::string> Completer::valuesOf(const Place& place) const {
    const std::string& key = place.last(1).text;
    std::vector<std::string> values;
    if (key == "connector")
        for (const ConnectorDescriptor& one : registry_.connectors)
            values.push_back(one.name);
    if (key == "format")
        for (const auto& [name, options] : registry_.formats)
            values.push_back(name);
    const auto add = [&](const OptionDescription& option) {
        if (option.key != key) return;
        values.insert(values.end(), option.allowed.begin(), option.allowed.end());
        if (option.type == "boolean") values.insert(values.end(), {"true", "false"});
    };
    for (const ConnectorDescriptor& one : registry_.connectors)
        if (one.name == optionIn(place.all, "connector"))
            std::for_each(one.options.begin(), one.options.end(), add);
    for (const auto& [name, options] : registry_.formats)
        std::for_each(options.begin(), options.end(), add);
    for (const OptionDescription& option : shellOptions())
        add(option);
    return values;
}

// What can stand between quotes at the cursor.
std::vector<std::string> Completer::quoted(const Place& place) const {
    if (place.last().text == "=" && place.last(1).kind == TokenKind::String) return valuesOf(place);
    if (place.beginsWith("SET") || place.beginsWith("RESET")) {
        std::vector<std::string> keys;
        for (const OptionDescription& option : shellOptions())
            keys.push_back(option.key);
        for (std::string& key : column("SET"))
            keys.push_back(std::move(key));
        return keys;
    }
    for (const Token& token : place.before)
        if (token.upper == "WITH" || token.upper == "OPTIONS") return optionsOf(place);
    return {};
}

Completion Completer::complete(std::string_view text, size_t cursor) const {
    const std::string_view before_cursor = text.substr(0, cursor);
    Place place;
    place.all = sql::tokenize(sql::SourceText(text, {}));
    place.all.pop_back();
    // The statement that the cursor is in: after the last semicolon.
    std::vector<Token> before = sql::tokenize(sql::SourceText(before_cursor, {}));
    before.pop_back();
    const auto is_end = [](const Token& token) {
        return token.kind == TokenKind::Symbol && token.text == ";";
    };
    const auto last_end = std::find_if(before.rbegin(), before.rend(), is_end);
    before.erase(before.begin(), last_end.base());
    if (!before.empty()) {
        const size_t start = before.front().begin;
        std::erase_if(place.all, [&](const Token& token) { return token.begin < start; });
    }

    // An unfinished quoted text is a Bad token that reaches to the end.
    place.in_string =
        !before.empty() && before.back().kind == TokenKind::Bad && before_cursor[before.back().begin] == '\'';
    place.begin = cursor;
    if (place.in_string) {
        place.begin = before.back().begin + 1;
        before.pop_back();
    } else {
        while (place.begin > 0 && isNamePart(text[place.begin - 1]))
            --place.begin;
        if (!before.empty() && before.back().begin >= place.begin) before.pop_back();
    }
    place.word = std::string(text.substr(place.begin, cursor - place.begin));
    place.before = std::move(before);

    if (place.in_string) {
        Candidates found(place.begin, place.word);
        const bool closed = cursor < text.size() && text[cursor] == '\'';
        for (std::string& one : quoted(place)) {
            const bool open_ended = one.ends_with('.');  // "fields.", of "fields.#.min"
            found.add(std::move(one), closed || open_ended ? "" : "'");
        }
        return found.take();
    }
    if (place.begin == 1 && text.front() == '\\') {
        Candidates found(0, "\\" + place.word);
        for (const std::string_view command : kCommands)
            found.add(std::string(command), "");
        return found.take();
    }
    Candidates found(place.begin, place.word);
    if (place.last().kind == TokenKind::Symbol && place.last().text == ".") {
        for (const std::string& name : columnsOf(place, place.last(1).text))
            found.add(written(name), "");
        return found.take();
    }
    if (namesTable(place.last().upper)) {
        for (const std::string& name : relations())
            found.add(written(name), " ");
        if (!found.empty()) return found.take();
    }
    if (!place.before.empty() && !place.beginsWith("SET")) {
        std::vector<std::string> columns = columnsOf(place, "");
        // SELECT comes before FROM: until a table is named, it may be any.
        if (columns.empty() && !place.word.empty()) columns = columnsOfAll();
        for (const std::string& name : columns)
            found.add(written(name), "");
    }
    // All there is would be no help.
    if (place.word.empty() && !found.empty()) return found.take();
    for (const std::string_view keyword : kKeywords)
        found.addKeyword(keyword);
    if (!place.word.empty() && !place.before.empty()) {
        for (const std::string& name : relations())
            found.add(written(name), " ");
        for (const std::string& name : column("SHOW FUNCTIONS"))
            if (isNamePart(name.front())) found.add(name, "(");
    }
    return found.take();
}

}  // namespace millrace::cli
