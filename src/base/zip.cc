#include "base/zip.h"

#include <sys/stat.h>
#include <zip.h>

#include <algorithm>
#include <memory>
#include <set>

#include "base/error.h"
#include "base/zip_layout.h"

namespace millrace {

namespace {

struct CloseArchive {
    void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct CloseFile {
    void operator()(zip_file_t* file) const { zip_fclose(file); }
};

void checkName(const std::string& name) {
    const auto refuse = [&](const char* why) {
        throw UserError("zip.unsafe-name", fmt::format("the archive has an entry named '{}': {}", name, why));
    };
    if (name.empty()) refuse("an entry needs a name");
    if (name.front() == '/') refuse("absolute paths are refused");
    if (name.find('\\') != std::string::npos) refuse("backslashes are refused");
    if (name.size() > 1 && name[1] == ':') refuse("drive letters are refused");
    for (const unsigned char c : name)
        if (c < 0x20 || c == 0x7F) refuse("control characters are refused");
    for (size_t at = 0; at <= name.size();) {
        const size_t end = std::min(name.find('/', at), name.size());
        const std::string_view part = std::string_view(name).substr(at, end - at);
        if (part == ".." || part == ".") refuse("'.' and '..' are refused");
        if (part.empty() && end != name.size()) refuse("empty parts are refused");
        at = end + 1;
    }
}

void checkNames(const std::vector<ZipLocation>& entries) {
    std::set<std::string_view> names, files, folders;
    for (const ZipLocation& entry : entries) {
        const bool folder = entry.name.ends_with('/');
        const std::string name = folder ? entry.name.substr(0, entry.name.size() - 1) : entry.name;
        checkName(name);
        const std::string_view kept = std::string_view(entry.name).substr(0, name.size());
        if (!names.insert(kept).second)
            throw UserError("zip.duplicate", fmt::format("the archive has two entries named '{}'", name));
        if (!folder) files.insert(kept);
        for (size_t slash = kept.find('/'); slash != std::string_view::npos;
             slash = kept.find('/', slash + 1))
            folders.insert(kept.substr(0, slash));
    }
    for (const std::string_view folder : folders)
        if (files.contains(folder))
            throw UserError("zip.duplicate",
                            fmt::format("the archive has a file and a folder named '{}'", folder));
}

}  // namespace

std::vector<ZipEntry> readZip(std::string_view bytes, const ZipLimits& limits) {
    if (bytes.empty()) throwMalformedZip("it is empty");
    checkNames(locateZipEntries(bytes, limits.entries_max));

    zip_error_t error;
    zip_error_init(&error);
    zip_source_t* const source = zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error);
    MILLRACE_CHECK(source, "libzip has no memory");
    std::unique_ptr<zip_t, CloseArchive> archive(
        zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error));
    if (!archive) {
        zip_source_free(source);
        const std::string why = zip_error_strerror(&error);
        zip_error_fini(&error);
        throwMalformedZip(why);
    }
    zip_error_fini(&error);

    const zip_int64_t count = zip_get_num_entries(archive.get(), 0);
    std::vector<ZipEntry> entries;
    uint64_t total = 0;
    for (zip_int64_t i = 0; i < count; ++i) {
        zip_stat_t status;
        zip_stat_init(&status);
        if (zip_stat_index(archive.get(), i, ZIP_FL_ENC_GUESS, &status) != 0 ||
            !(status.valid & ZIP_STAT_NAME) || !(status.valid & ZIP_STAT_SIZE))
            throwMalformedZip(fmt::format("entry {} has no name or size", i));
        std::string name = status.name;
        const bool folder = name.ends_with('/');
        zip_uint8_t system = 0;
        zip_uint32_t attributes = 0;
        zip_file_get_external_attributes(archive.get(), i, 0, &system, &attributes);
        if (system == ZIP_OPSYS_UNIX && (attributes >> 16) != 0) {
            const auto kind = (attributes >> 16) & S_IFMT;
            if (kind != 0 && kind != S_IFREG && kind != S_IFDIR)
                throw UserError("zip.link",
                                fmt::format("the archive's entry '{}' is a link or a special file", name));
        }
        if (folder) continue;
        total += status.size;
        if (status.size > limits.bytes_max || total > limits.bytes_max)
            throw UserError("zip.too-large",
                            fmt::format("the archive unfolds to more than {} bytes (at entry '{}')",
                                        limits.bytes_max, name));
        if (total > 16 << 20 &&
            static_cast<double>(total) > limits.ratio_max * static_cast<double>(bytes.size()))
            throw UserError("zip.too-large", fmt::format("the archive unfolds to more than {} times its size",
                                                         limits.ratio_max));
        if (status.size > 1 << 20 && (status.valid & ZIP_STAT_COMP_SIZE) &&
            static_cast<double>(status.size) > limits.ratio_max * static_cast<double>(status.comp_size))
            throw UserError("zip.too-large",
                            fmt::format("the archive's entry '{}' unfolds to more than {} times its size",
                                        name, limits.ratio_max));
        std::unique_ptr<zip_file_t, CloseFile> file(zip_fopen_index(archive.get(), i, 0));
        if (!file) throwMalformedZip(fmt::format("entry '{}': {}", name, zip_strerror(archive.get())));
        ZipEntry entry{std::move(name), std::string(status.size, '\0')};
        uint64_t read = 0;
        while (read < status.size) {
            const zip_int64_t got = zip_fread(file.get(), entry.content.data() + read, status.size - read);
            if (got <= 0) throwMalformedZip(fmt::format("entry '{}' is damaged", entry.name));
            read += static_cast<uint64_t>(got);
        }
        char beyond;  // reading past the end checks the checksum, and that there is no more than was said
        if (zip_fread(file.get(), &beyond, 1) != 0)
            throwMalformedZip(fmt::format("entry '{}' is damaged", entry.name));
        entries.push_back(std::move(entry));
    }
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    return entries;
}

}  // namespace millrace
