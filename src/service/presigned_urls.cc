#include "service/presigned_urls.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <sys/stat.h>

#include <charconv>
#include <vector>

#include "base/error.h"
#include "base/file_system.h"
#include "base/hash.h"
#include "service/context.h"

namespace millrace {

namespace {

constexpr size_t kKeyBytes = 32;

std::optional<int64_t> integerOf(std::string_view text) {
    int64_t value = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || stop != text.data() + text.size()) return std::nullopt;
    return value;
}

std::vector<std::string> parts(const std::string& text) {
    std::vector<std::string> all;
    for (size_t at = 0; at <= text.size();) {
        const size_t end = std::min(text.find('.', at), text.size());
        all.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return all;
}

}  // namespace

PresignedUrls::PresignedUrls(const std::string& key_path) {
    auto& files = localFileSystem();
    if (files.exists(key_path)) key_ = readFile(files, key_path);
    if (key_.size() == kKeyBytes) return;
    key_.assign(kKeyBytes, '\0');
    MILLRACE_CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(key_.data()), kKeyBytes) == 1,
                   "no random bytes");
    writeFileAtomically(files, key_path, key_);
    chmod(key_path.c_str(), 0600);
}

std::string PresignedUrls::signatureOf(const std::string& text) const {
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    MILLRACE_CHECK(HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
                        reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac, &size),
                   "no HMAC");
    std::string hex;
    for (unsigned int i = 0; i < size; ++i)
        hex += fmt::format("{:02x}", mac[i]);
    return hex;
}

// application.issued.session.nonce.signature
std::string PresignedUrls::issue(int64_t application_id, int64_t session_seconds, int64_t now_seconds) {
    const std::string text =
        fmt::format("{}.{}.{}.{}", application_id, now_seconds, session_seconds, randomId());
    return text + "." + signatureOf(text);
}

std::optional<int64_t> PresignedUrls::open(const std::string& token, int64_t now) {
    const auto all = parts(token);
    if (all.size() != 5) return std::nullopt;
    const std::string signature = signatureOf(token.substr(0, token.rfind('.')));
    if (all[4].size() != signature.size() ||
        CRYPTO_memcmp(all[4].data(), signature.data(), signature.size()) != 0)
        return std::nullopt;
    const auto application = integerOf(all[0]), issued = integerOf(all[1]), session = integerOf(all[2]);
    if (!application || !issued || !session || now >= *issued + *session) return std::nullopt;
    std::lock_guard lock(mutex_);
    std::erase_if(sessions_, [&](const auto& entry) { return entry.second <= now; });
    if (!sessions_.contains(token)) {
        if (now >= *issued + kFirstUseSeconds) return std::nullopt;
        sessions_[token] = *issued + *session;
    }
    return application;
}

}  // namespace millrace
