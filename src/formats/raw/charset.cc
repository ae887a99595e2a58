#include "formats/raw/charset.h"

#include <unicode/ucnv.h>
#include <unicode/ustring.h>

#include <vector>

#include "base/error.h"

namespace millrace {

struct Charset::Converter {
    UConverter* converter = nullptr;
    std::vector<UChar> units;
    ~Converter() { ucnv_close(converter); }
};

Charset::Charset(const std::string& key, const std::string& name) : converter_(new Converter) {
    UErrorCode status = U_ZERO_ERROR;
    // An empty name would be the machine's own.
    if (!name.empty()) converter_->converter = ucnv_open(name.c_str(), &status);
    if (converter_->converter == nullptr || U_FAILURE(status)) {
        throw UserError(
            "config.bad-value",
            fmt::format("'{}' has the value '{}', which is no character set that is known", key, name),
            "such as UTF-8, UTF-16LE or ISO-8859-1");
    }
    utf8_ = ucnv_getType(converter_->converter) == UCNV_UTF8;
    UErrorCode ignored = U_ZERO_ERROR;  // sets of wider units have no use for it
    ucnv_setSubstChars(converter_->converter, "?", 1, &ignored);
}

Charset::~Charset() = default;

void Charset::toUtf8(std::string_view bytes, std::string& out) {
    UErrorCode status = U_ZERO_ERROR;
    std::vector<UChar>& units = converter_->units;
    units.resize(2 * bytes.size() + 16);
    const int32_t count =
        ucnv_toUChars(converter_->converter, units.data(), static_cast<int32_t>(units.size()), bytes.data(),
                      static_cast<int32_t>(bytes.size()), &status);
    MILLRACE_CHECK(U_SUCCESS(status), "a text cannot be converted: {}", u_errorName(status));
    int32_t size = 0;
    out.resize(3 * static_cast<size_t>(count) + 1);
    u_strToUTF8WithSub(out.data(), static_cast<int32_t>(out.size()), &size, units.data(), count, 0xFFFD,
                       nullptr, &status);
    MILLRACE_CHECK(U_SUCCESS(status), "a text cannot be converted: {}", u_errorName(status));
    out.resize(static_cast<size_t>(size));
}

void Charset::fromUtf8(std::string_view text, std::string& out) {
    UErrorCode status = U_ZERO_ERROR;
    std::vector<UChar>& units = converter_->units;
    units.resize(text.size() + 1);
    int32_t count = 0;
    u_strFromUTF8WithSub(units.data(), static_cast<int32_t>(units.size()), &count, text.data(),
                         static_cast<int32_t>(text.size()), 0xFFFD, nullptr, &status);
    MILLRACE_CHECK(U_SUCCESS(status), "a text cannot be converted: {}", u_errorName(status));
    out.resize(static_cast<size_t>(UCNV_GET_MAX_BYTES_FOR_STRING(
        count, static_cast<int32_t>(ucnv_getMaxCharSize(converter_->converter)))));
    const int32_t size = ucnv_fromUChars(converter_->converter, out.data(), static_cast<int32_t>(out.size()),
                                         units.data(), count, &status);
    MILLRACE_CHECK(U_SUCCESS(status), "a text cannot be converted: {}", u_errorName(status));
    out.resize(static_cast<size_t>(size));
}

}  // namespace millrace
