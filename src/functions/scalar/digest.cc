#include <openssl/evp.h>

#include "base/random.h"
#include "functions/simple.h"

namespace millrace {

namespace {

void appendHex(std::string_view bytes, std::string& out, const char* digits) {
    for (const char c : bytes) {
        out.push_back(digits[static_cast<unsigned char>(c) >> 4]);
        out.push_back(digits[static_cast<unsigned char>(c) & 15]);
    }
}

bool digest(const EVP_MD* algorithm, std::string_view text, std::string& out) {
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    MILLRACE_CHECK(EVP_Digest(text.data(), text.size(), bytes, &size, algorithm, nullptr) == 1,
                   "the digest failed");
    appendHex({reinterpret_cast<const char*>(bytes), size}, out, "0123456789abcdef");
    return true;
}

ScalarFunction digestFunction(std::string name, const EVP_MD* (*algorithm)(), std::string of_abc) {
    const std::string signature = name + "(string)";
    const std::string example = name + "('abc')";
    const std::string documentation = "The " + name + " digest, in hexadecimal digits.";
    return textFunction({.name = std::move(name),
                         .pattern = "x",
                         .signature = signature,
                         .documentation = documentation,
                         .examples = {{example, std::move(of_abc)}}},
                        [algorithm](const Arguments& a, size_t i, std::string& out) {
                            return digest(algorithm(), a.text(0, i), out);
                        });
}

bool sha2(const Arguments& a, size_t i, std::string& out) {
    switch (a.integer(1, i)) {
        case 224:
            return digest(EVP_sha224(), a.text(0, i), out);
        case 0:
        case 256:
            return digest(EVP_sha256(), a.text(0, i), out);
        case 384:
            return digest(EVP_sha384(), a.text(0, i), out);
        case 512:
            return digest(EVP_sha512(), a.text(0, i), out);
        default:
            throw UserError("data.bad-argument",
                            fmt::format("SHA2 has 224, 256, 384 and 512 bits, not {}", a.integer(1, i)));
    }
}

bool toBase64(const Arguments& a, size_t i, std::string& out) {
    const std::string_view text = a.text(0, i);
    out.resize((text.size() + 2) / 3 * 4 + 1);
    const int size =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                        reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
    out.resize(static_cast<size_t>(size));
    return true;
}

bool fromBase64(const Arguments& a, size_t i, std::string& out) {
    std::string text(a.text(0, i));
    while (text.size() % 4 != 0)
        text.push_back('=');
    const size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
    out.resize(text.size() / 4 * 3 + 1);
    const int size =
        EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                        reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
    if (size < 0) return false;
    out.resize(static_cast<size_t>(size) - (text.empty() ? 0 : padding));
    return true;
}

// HEX of a number: its two's complement without leading zeros; of a string: its bytes.
ScalarFunction hex() {
    return {
        .name = "HEX",
        .signature = "HEX(number), HEX(string)",
        .documentation = "The number, or the bytes of the string, in hexadecimal digits.",
        .examples = {{"HEX(100)", "64"}, {"HEX('hello')", "68656C6C6F"}},
        .bind = [](std::span<const ArgumentInfo> arguments) {
            const bool number = arguments.size() == 1 && arguments[0].type.isInteger();
            BoundScalar bound;
            bound.arguments = matchPattern(
                {.name = "HEX", .pattern = number ? "l" : "x", .signature = "HEX(number), HEX(string)"},
                arguments);
            bound.result = LogicalType::string();
            bound.kernel = [number](const FunctionContext&, std::span<const ColumnPtr> columns, size_t rows) {
                const Arguments given(columns);
                return mapToStrings(LogicalType::string(), columns, rows, [&](size_t i, std::string& out) {
                    if (number) {
                        out = fmt::format("{:X}", static_cast<uint64_t>(given.bigint(0, i)));
                    } else {
                        appendHex(given.text(0, i), out, "0123456789ABCDEF");
                    }
                    return true;
                });
            };
            return bound;
        }};
}

ScalarFunction uuid() {
    return {.name = "UUID",
            .signature = "UUID()",
            .documentation = "A random (type 4) UUID, another one for every row.",
            .examples = {{"CHAR_LENGTH(UUID())", "36"}},
            .deterministic = false,
            .bind = [](std::span<const ArgumentInfo> arguments) {
                checkArgumentCount("UUID", arguments, 0, 0, "no argument");
                BoundScalar bound;
                bound.result = LogicalType::string().withNullable(false);
                bound.kernel = [result = bound.result](const FunctionContext&,
                                                       std::span<const ColumnPtr> columns, size_t rows) {
                    thread_local Random random(entropySeed());
                    return mapToStrings(result, columns, rows, [&](size_t, std::string& out) {
                        const uint64_t high = (random.next() & ~uint64_t(0xF000)) | 0x4000;
                        const uint64_t low = (random.next() & (~uint64_t(0) >> 2)) | (uint64_t(1) << 63);
                        out = fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32,
                                          (high >> 16) & 0xFFFF, high & 0xFFFF, low >> 48,
                                          low & 0xFFFFFFFFFFFF);
                        return true;
                    });
                };
                return bound;
            }};
}

}  // namespace

std::vector<ScalarFunction> describeScalarDigest() {
    return {
        digestFunction("MD5", EVP_md5, "900150983cd24fb0d6963f7d28e17f72"),
        digestFunction("SHA1", EVP_sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
        digestFunction("SHA224", EVP_sha224, "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
        digestFunction("SHA256", EVP_sha256,
                       "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        digestFunction("SHA384", EVP_sha384,
                       "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358bae"
                       "ca134c825a7"),
        digestFunction("SHA512", EVP_sha512,
                       "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3"
                       "c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"),
        textFunction(
            {.name = "SHA2",
             .pattern = "xi",
             .signature = "SHA2(string, bits)",
             .documentation = "The SHA-2 digest of 224, 256, 384 or 512 bits, in hexadecimal digits.",
             .examples = {{"SHA2('abc', 224)", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"}}},
            sha2),
        textFunction({.name = "TO_BASE64",
                      .pattern = "x",
                      .signature = "TO_BASE64(string)",
                      .documentation = "The string's bytes in base 64.",
                      .examples = {{"TO_BASE64('hello world')", "aGVsbG8gd29ybGQ="}}},
                     toBase64),
        textFunction({.name = "FROM_BASE64",
                      .pattern = "s",
                      .signature = "FROM_BASE64(string)",
                      .documentation = "The text that the base-64 digits stand for; NULL for malformed ones.",
                      .examples = {{"FROM_BASE64('aGVsbG8gd29ybGQ=')", "hello world"}}},
                     fromBase64),
        hex(),
        textFunction({.name = "BIN",
                      .pattern = "l",
                      .signature = "BIN(integer)",
                      .documentation = "The number in binary digits.",
                      .examples = {{"BIN(4)", "100"}}},
                     [](const Arguments& a, size_t i, std::string& out) {
                         out = fmt::format("{:b}", static_cast<uint64_t>(a.bigint(0, i)));
                         return true;
                     }),
        uuid(),
    };
}

}  // namespace millrace
