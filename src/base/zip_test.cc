#include "base/zip.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <zip.h>

#include <utility>

#include "base/error.h"

namespace millrace {
namespace {

struct Given {
    std::string name, content;
    uint32_t mode = 0;
};

std::string makeZip(const std::vector<Given>& entries) {
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t* const out = zip_source_buffer_create(nullptr, 0, 0, &error);
    zip_source_keep(out);
    zip_t* const archive = zip_open_from_source(out, ZIP_TRUNCATE, &error);
    for (const auto& entry : entries) {
        const zip_int64_t at =
            entry.name.ends_with('/')
                ? zip_dir_add(archive, entry.name.c_str(), ZIP_FL_ENC_UTF_8)
                : zip_file_add(archive, entry.name.c_str(),
                               zip_source_buffer(archive, entry.content.data(), entry.content.size(), 0),
                               ZIP_FL_ENC_UTF_8);
        EXPECT_GE(at, 0) << entry.name;
        if (entry.mode) zip_file_set_external_attributes(archive, at, 0, ZIP_OPSYS_UNIX, entry.mode << 16);
    }
    EXPECT_EQ(zip_close(archive), 0);
    zip_stat_t status;
    zip_source_stat(out, &status);
    std::string bytes(status.size, '\0');
    zip_source_open(out);
    EXPECT_EQ(zip_source_read(out, bytes.data(), bytes.size()), static_cast<zip_int64_t>(bytes.size()));
    zip_source_close(out);
    zip_source_free(out);
    return bytes;
}

std::string codeOf(const std::string& bytes, const ZipLimits& limits = {}) {
    try {
        readZip(bytes, limits);
    } catch (const UserError& e) {
        return e.code();
    }
    return "";
}

std::string replaced(std::string bytes, const std::string& from, const std::string& to) {
    for (size_t at = 0; (at = bytes.find(from, at)) != std::string::npos; at += to.size())
        bytes.replace(at, from.size(), to);
    return bytes;
}

TEST(Zip, readsFilesInNameOrder) {
    const auto entries =
        readZip(makeZip({{"b.sql", "second"}, {"lib/", ""}, {"lib/a.sql", "third"}, {"a.sql", ""}}));
    ASSERT_EQ(entries.size(), 3u);
    EXPECT_EQ(entries[0].name, "a.sql");
    EXPECT_EQ(entries[0].content, "");
    EXPECT_EQ(entries[1].content, "second");
    EXPECT_EQ(entries[2].name, "lib/a.sql");
}

TEST(Zip, refusesWhatCouldReachOutside) {
    EXPECT_EQ(codeOf(makeZip({{"../a", "x"}})), "zip.unsafe-name");
    EXPECT_EQ(codeOf(makeZip({{"a/../../b", "x"}})), "zip.unsafe-name");
    EXPECT_EQ(codeOf(makeZip({{"/etc/passwd", "x"}})), "zip.unsafe-name");
    EXPECT_EQ(codeOf(makeZip({{"a\\b", "x"}})), "zip.unsafe-name");
    EXPECT_EQ(codeOf(makeZip({{"c:/x", "x"}})), "zip.unsafe-name");
    EXPECT_EQ(codeOf(makeZip({{"a//b", "x"}})), "zip.unsafe-name");
    EXPECT_EQ(codeOf(makeZip({{"link", "/etc/passwd", S_IFLNK | 0777}})), "zip.link");
    EXPECT_EQ(codeOf(makeZip({{"fine..sql", "x", S_IFREG | 0644}})), "");
    EXPECT_EQ(codeOf(makeZip({{"a", "1"}, {"a/", ""}})), "zip.duplicate");
    EXPECT_EQ(codeOf(makeZip({{"a", "1"}, {"a/b", "2"}})), "zip.duplicate");
    EXPECT_EQ(codeOf(makeZip({{"a/", ""}, {"a/b", "2"}})), "");
    // libzip does not write two entries of one name, so one is renamed in the bytes.
    const std::string two = makeZip({{"aa.sql", "1"}, {"ab.sql", "2"}});
    EXPECT_EQ(codeOf(two), "");
    EXPECT_EQ(codeOf(replaced(two, "ab.sql", "aa.sql")), "zip.duplicate");
}

uint64_t numberAt(const std::string& bytes, size_t at, int size) {
    uint64_t value = 0;
    for (int i = size; i-- > 0;)
        value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
    return value;
}

void setNumber(std::string& bytes, size_t at, uint64_t value, int size) {
    for (int i = 0; i < size; ++i, value >>= 8)
        bytes[at + i] = static_cast<char>(value & 0xFF);
}

constexpr const char* kCentral = "PK\x01\x02";

TEST(Zip, refusesWhatTwoProgramsCouldReadDifferently) {
    const std::string good = makeZip({{"aa.sql", "first"}, {"ab.sql", "second"}});
    const size_t first = good.find(kCentral), second = good.find(kCentral, first + 1);
    std::string bad = good;
    bad[bad.find("aa.sql")] = 'x';  // in the local header only
    EXPECT_EQ(codeOf(bad), "zip.malformed");
    bad = good;
    setNumber(bad, first + 8, numberAt(bad, first + 8, 2) | 1, 2);
    EXPECT_EQ(codeOf(bad), "zip.encrypted");
    bad = good;  // both are one entry's bytes
    setNumber(bad, second + 42, numberAt(bad, first + 42, 4), 4);
    bad.replace(second + 46, 6, "aa.sql");
    EXPECT_EQ(codeOf(bad), "zip.overlap");
    bad = good;  // the first reaches into the second
    setNumber(bad, first + 20, numberAt(bad, first + 20, 4) + 1, 4);
    EXPECT_EQ(codeOf(bad), "zip.overlap");
    bad = good;
    setNumber(bad, second + 20, numberAt(bad, second + 20, 4) + 1, 4);
    EXPECT_EQ(codeOf(bad), "zip.overlap");
    EXPECT_EQ(codeOf(good + "more"), "zip.malformed");
    EXPECT_EQ(codeOf("#!/bin/sh\n" + good), "zip.malformed");
    bad = good;  // an entry that the end record does not count
    setNumber(bad, bad.size() - 14, 1, 2);
    setNumber(bad, bad.size() - 12, 1, 2);
    EXPECT_EQ(codeOf(bad), "zip.malformed");
}

TEST(Zip, boundsWhatItUnfolds) {
    const std::string bomb = makeZip({{"bomb", std::string(8 << 20, '\0')}});
    EXPECT_LT(bomb.size(), 20'000u);
    EXPECT_EQ(codeOf(bomb), "zip.too-large");
    ZipLimits limits;
    limits.ratio_max = 1e9;
    EXPECT_EQ(codeOf(bomb, limits), "");
    limits.bytes_max = 1 << 20;
    EXPECT_EQ(codeOf(bomb, limits), "zip.too-large");
    limits = {};
    // Each entry is small enough for its ratio to be let pass, and all together are not.
    std::vector<Given> many;
    for (int i = 0; i < 40; ++i)
        many.push_back({"part-" + std::to_string(i), std::string(900'000, 'x')});
    EXPECT_EQ(codeOf(makeZip(many)), "zip.too-large");
    limits.entries_max = 1;
    EXPECT_EQ(codeOf(makeZip({{"a", "1"}, {"b", "2"}}), limits), "zip.too-large");
}

// Whatever byte is changed, the archive is read or refused, and a changed content is never returned.
TEST(Zip, damageIsNoticed) {
    EXPECT_EQ(codeOf(""), "zip.malformed");
    EXPECT_EQ(codeOf("SELECT 1"), "zip.malformed");
    const std::string content = "INSERT INTO a SELECT * FROM b";
    const std::string good = makeZip({{"a.sql", content}});
    EXPECT_EQ(codeOf(good.substr(0, good.size() - 1)), "zip.malformed");
    int refused = 0;
    for (size_t i = 0; i < good.size(); ++i) {
        std::string bad = good;
        bad[i] = static_cast<char>(bad[i] ^ 0x41);
        try {
            const auto entries = readZip(bad);
            ASSERT_EQ(entries.size(), 1u) << i;
            EXPECT_EQ(entries[0].content, content) << i;
        } catch (const UserError&) {
            ++refused;
        }
    }
    EXPECT_GT(refused, 20);
}

}  // namespace
}  // namespace millrace
