#include "base/zip_layout.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "base/error.h"

// The format, all numbers little-endian: local headers with their packed bytes; then the central directory,
// one header for each entry with the place of its local one; then, if numbers do not fit, the end record of
// 64 bits and its locator; then the end record, with a comment of up to 65535 bytes.

namespace millrace {

namespace {

constexpr uint32_t kLocalSignature = 0x04034b50, kCentralSignature = 0x02014b50, kEndSignature = 0x06054b50,
                   kEnd64Signature = 0x06064b50, kLocator64Signature = 0x07064b50;
constexpr uint64_t kLocalSize = 30, kCentralSize = 46, kEndSize = 22, kEnd64Size = 56, kLocator64Size = 20;
constexpr uint16_t kEncryptedFlags = 1 << 0 | 1 << 6 | 1 << 13;  // plainly, strongly, and with masked headers
constexpr uint16_t kExtra64 = 0x0001;

// Bytes by their offset; what lies outside is a malformed archive.
class Reader {
  public:
    explicit Reader(std::string_view bytes) : bytes_(bytes) {}

    uint64_t size() const { return bytes_.size(); }
    std::string_view part(uint64_t at, uint64_t size) const {
        if (at > bytes_.size() || size > bytes_.size() - at) throwMalformedZip("it ends in the middle");
        return bytes_.substr(at, size);
    }
    template <class T>
    T number(uint64_t at) const {
        static_assert(std::is_unsigned_v<T>);
        const std::string_view given = part(at, sizeof(T));
        T value = 0;
        for (size_t i = 0; i < sizeof(T); ++i)
            value = static_cast<T>(
                value | static_cast<T>(static_cast<T>(static_cast<unsigned char>(given[i])) << 8 * i));
        return value;
    }
    bool hasSignature(uint64_t at, uint32_t signature) const {
        return at <= size() && size() - at >= 4 && number<uint32_t>(at) == signature;
    }

  private:
    std::string_view bytes_;
};

struct Directory {
    uint64_t offset, size, entries;
    uint64_t limit;  // where the end records begin
};

uint64_t findEnd(const Reader& zip) {
    for (uint64_t comment = 0; comment <= 0xFFFF && comment + kEndSize <= zip.size(); ++comment) {
        const uint64_t at = zip.size() - kEndSize - comment;
        if (zip.hasSignature(at, kEndSignature) && zip.number<uint16_t>(at + 20) == comment) return at;
    }
    throwMalformedZip("it has no end record");
}

Directory readEnd(const Reader& zip) {
    const uint64_t end = findEnd(zip);
    if (zip.number<uint16_t>(end + 4) != 0 || zip.number<uint16_t>(end + 6) != 0)
        throwMalformedZip("it is one part of several");
    Directory directory{zip.number<uint32_t>(end + 16), zip.number<uint32_t>(end + 12),
                        zip.number<uint16_t>(end + 10), end};
    const bool is_64 = end >= kLocator64Size && zip.hasSignature(end - kLocator64Size, kLocator64Signature);
    if (is_64) {
        const uint64_t at = zip.number<uint64_t>(end - kLocator64Size + 8);
        if (!zip.hasSignature(at, kEnd64Signature) || at > end - kLocator64Size ||
            end - kLocator64Size - at < kEnd64Size)
            throwMalformedZip("its 64-bit end record is not where it should be");
        directory = {zip.number<uint64_t>(at + 48), zip.number<uint64_t>(at + 40),
                     zip.number<uint64_t>(at + 32), at};
    }
    if (directory.offset > directory.limit || directory.limit - directory.offset != directory.size)
        throwMalformedZip("its directory does not end where the end record begins");
    return directory;
}

struct Central {
    uint64_t packed, local, header_size;
    std::string_view name;
};

Central readCentral(const Reader& zip, uint64_t at) {
    if (!zip.hasSignature(at, kCentralSignature)) throwMalformedZip("its directory is damaged");
    const uint64_t name_size = zip.number<uint16_t>(at + 28), extra_size = zip.number<uint16_t>(at + 30),
                   comment_size = zip.number<uint16_t>(at + 32);
    Central entry{zip.number<uint32_t>(at + 20), zip.number<uint32_t>(at + 42),
                  kCentralSize + name_size + extra_size + comment_size,
                  zip.part(at + kCentralSize, name_size)};
    if (zip.number<uint16_t>(at + 8) & kEncryptedFlags)
        throw UserError("zip.encrypted", fmt::format("the archive's entry '{}' is encrypted", entry.name));
    // What does not fit 32 bits is in an extra field, in this order, and only that.
    const Reader extra(zip.part(at + kCentralSize + name_size, extra_size));
    for (uint64_t field = 0; field + 4 <= extra.size();) {
        const uint64_t size = extra.number<uint16_t>(field + 2);
        if (extra.number<uint16_t>(field) == kExtra64) {
            const Reader wide(extra.part(field + 4, size));
            uint64_t next = zip.number<uint32_t>(at + 24) == UINT32_MAX ? 8 : 0;  // behind the unfolded size
            for (uint64_t* number : {&entry.packed, &entry.local}) {
                if (*number != UINT32_MAX) continue;
                *number = wide.number<uint64_t>(next);
                next += 8;
            }
        }
        field += 4 + size;
    }
    return entry;
}

ZipLocation locate(const Reader& zip, const Central& entry) {
    const auto malformed = [&](const char* why) {
        throwMalformedZip(fmt::format("its entry '{}' {}", entry.name, why));
    };
    if (!zip.hasSignature(entry.local, kLocalSignature)) malformed("is not where the directory says");
    const uint64_t name_size = zip.number<uint16_t>(entry.local + 26),
                   extra_size = zip.number<uint16_t>(entry.local + 28);
    if (zip.part(entry.local + kLocalSize, name_size) != entry.name)
        malformed("has another name in the directory");
    const uint64_t data = entry.local + kLocalSize + name_size + extra_size;
    zip.part(data, entry.packed);
    return {std::string(entry.name), entry.local, data + entry.packed};
}

}  // namespace

void throwMalformedZip(const std::string& why) {
    throw UserError("zip.malformed",
                    fmt::format("the code package is not a zip archive that can be read: {}", why));
}

std::vector<ZipLocation> locateZipEntries(std::string_view bytes, uint64_t entries_max) {
    const Reader zip(bytes);
    const Directory directory = readEnd(zip);
    if (directory.entries > entries_max)
        throw UserError("zip.too-large", fmt::format("the archive has {} entries; {} are allowed",
                                                     directory.entries, entries_max));
    std::vector<ZipLocation> entries;
    entries.reserve(std::min(directory.entries, bytes.size() / kCentralSize));  // as many as there can be
    uint64_t at = directory.offset;
    for (uint64_t i = 0; i < directory.entries; ++i) {
        const Central entry = readCentral(zip, at);
        entries.push_back(locate(zip, entry));
        at += entry.header_size;
    }
    if (at != directory.limit) throwMalformedZip("its directory has more or fewer entries than it says");

    std::vector<const ZipLocation*> by_place;
    by_place.reserve(entries.size());
    for (const ZipLocation& entry : entries)
        by_place.push_back(&entry);
    std::sort(by_place.begin(), by_place.end(),
              [](const auto* a, const auto* b) { return a->begin < b->begin; });
    for (size_t i = 0; i < by_place.size(); ++i) {
        const uint64_t limit = i + 1 < by_place.size() ? by_place[i + 1]->begin : directory.offset;
        if (by_place[i]->end > limit)
            throw UserError("zip.overlap",
                            fmt::format("the archive's entry '{}' shares bytes with {}", by_place[i]->name,
                                        i + 1 < by_place.size() ? "'" + by_place[i + 1]->name + "'"
                                                                : std::string("the directory")));
    }
    return entries;
}

}  // namespace millrace
