// Reading zip archives that somebody gave us. Nothing is written to disk and nothing is trusted: the number
// of entries, the bytes they unfold to and the ratio of the two are capped, and names that could reach
// outside, links, duplicates and entries that share bytes are refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

struct ZipLimits {
    size_t entries_max = 10'000;
    uint64_t bytes_max = 256 << 20;  // of all entries together, unfolded
    double ratio_max =
        200;  // unfolded to packed, of an entry larger than 1 MiB, and of all larger than 16 MiB
};

struct ZipEntry {
    std::string name;  // relative, '/' between the parts
    std::string content;
};

// All files of the archive (folders are left out), in name order. UserError: "zip.malformed",
// "zip.encrypted", "zip.unsafe-name", "zip.link", "zip.duplicate" (also a file where another entry has a
// folder), "zip.overlap", "zip.too-large".
std::vector<ZipEntry> readZip(std::string_view bytes, const ZipLimits& limits = {});

}  // namespace millrace
