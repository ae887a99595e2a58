// Where the parts of a zip archive lie, looked at before anything is unfolded. An archive is refused if two
// programs could read different things in it, or if its entries share bytes, as bombs do that unfold to far
// more than the sum of their parts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

struct ZipLocation {
    std::string name;
    uint64_t begin = 0;  // of its local header
    uint64_t end = 0;    // of its packed bytes
};

// Every entry, in the order of the central directory. UserError: "zip.malformed", "zip.encrypted",
// "zip.too-large" (more than entries_max), "zip.overlap".
std::vector<ZipLocation> locateZipEntries(std::string_view bytes, uint64_t entries_max);

[[noreturn]] void throwMalformedZip(const std::string& why);

}  // namespace millrace
