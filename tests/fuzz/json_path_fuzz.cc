// Rooms: functions
// The first line is a path, the rest a JSON text: nothing crashes, what is written of a document is read
// again as the same, and what a path finds can be written.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/error.h"
#include "functions/json_document.h"
#include "functions/json_path.h"

namespace millrace {
namespace {

void require(bool condition, const std::string& left, const std::string& right) {
    if (condition) return;
    std::fprintf(stderr, "left:  %s\nright: %s\n", left.c_str(), right.c_str());
    std::abort();
}

void readAgain(const JsonDocument& document, uint32_t value) {
    std::string once;
    document.write(value, once);
    JsonDocument again;
    require(again.parse(once), once, "is not JSON");
    std::string twice;
    again.write(0, twice);
    require(once == twice, once, twice);
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace millrace;
    const std::string_view all(reinterpret_cast<const char*>(data), size);
    const size_t line = std::min(all.find('\n'), all.size());
    JsonDocument document;
    const bool valid = document.parse(all.substr(std::min(line + 1, all.size())));
    if (valid) readAgain(document, 0);
    try {
        const auto path = JsonPath::compile(all.substr(0, line));
        if (!path || !valid) return 0;
        const JsonPath::Found found = path->find(document);
        require(!(found.error && path->lax() && document.node(0).kind != JsonKind::Null), "a lax path",
                "is in error");
        if (found.value != JsonDocument::kNone) readAgain(document, found.value);
    } catch (const UserError& error) {
        if (error.code() != "sql.not-supported") std::abort();
    }
    return 0;
}
