#include "base/http_client.h"

#include <curl/curl.h>
#include <strings.h>

#include <mutex>

#include "base/error.h"
#include "base/http_tls.h"

namespace millrace {

namespace {

struct Receiving {
    HttpClientResponse response;
    size_t size_max = 0;
    bool too_large = false;
};

size_t receiveBody(char* data, size_t size, size_t count, void* user) {
    auto& receiving = *static_cast<Receiving*>(user);
    const size_t bytes = size * count;
    if (receiving.response.body.size() + bytes > receiving.size_max) {
        receiving.too_large = true;
        return 0;
    }
    receiving.response.body.append(data, bytes);
    return bytes;
}

size_t receiveHeader(char* data, size_t size, size_t count, void* user) {
    auto& receiving = *static_cast<Receiving*>(user);
    std::string_view line(data, size * count);
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r'))
        line.remove_suffix(1);
    if (line.starts_with("HTTP/")) receiving.response.headers.clear();  // the answer after a 100 Continue
    const size_t colon = line.find(':');
    if (colon != std::string_view::npos) {
        std::string_view value = line.substr(colon + 1);
        while (!value.empty() && (value.front() == ' ' || value.front() == '\t'))
            value.remove_prefix(1);
        receiving.response.headers.emplace_back(line.substr(0, colon), value);
    }
    return size * count;
}

class CurlHttpClient final : public HttpClient {
  public:
    explicit CurlHttpClient(HttpTls tls) : tls_(std::move(tls)) {
        static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
        MILLRACE_CHECK(initialised == CURLE_OK, "libcurl does not start");
    }

    ~CurlHttpClient() override {
        for (CURL* handle : idle_)
            curl_easy_cleanup(handle);
    }

    HttpClientResponse send(const HttpClientRequest& request) override {
        CURL* const handle = take();
        Receiving receiving;
        receiving.size_max = request.response_size_max;
        curl_slist* headers = nullptr;
        for (const auto& [name, value] : request.headers)
            // "Name;" is libcurl's way to say a header that is present and empty.
            headers = curl_slist_append(headers, (value.empty() ? name + ";" : name + ": " + value).c_str());
        headers = curl_slist_append(headers, "Expect:");
        char reason[CURL_ERROR_SIZE] = "";
        curl_easy_setopt(handle, CURLOPT_URL, request.url.c_str());
        curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(handle, CURLOPT_PATH_AS_IS, 1L);
        curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
        if (request.method == "HEAD") curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
        if (!request.body.empty() || request.method == "POST" || request.method == "PUT" ||
            request.method == "PATCH") {
            curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request.body.data());
            curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE,
                             static_cast<curl_off_t>(request.body.size()));
        }
        curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
        if (!request.unix_socket.empty())
            curl_easy_setopt(handle, CURLOPT_UNIX_SOCKET_PATH, request.unix_socket.c_str());
        if (!tls_.ca_file.empty()) curl_easy_setopt(handle, CURLOPT_CAINFO, tls_.ca_file.c_str());
        if (!tls_.certificate_file.empty()) {
            curl_easy_setopt(handle, CURLOPT_SSLCERT, tls_.certificate_file.c_str());
            curl_easy_setopt(handle, CURLOPT_SSLKEY, tls_.certificate_file.c_str());
            if (!tls_.key_password.empty())
                curl_easy_setopt(handle, CURLOPT_KEYPASSWD, tls_.key_password.c_str());
        }
        curl_easy_setopt(handle, CURLOPT_NOPROXY, "localhost,127.0.0.1,::1");
        curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_timeout_ms));
        curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout_ms));
        curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, receiveBody);
        curl_easy_setopt(handle, CURLOPT_WRITEDATA, &receiving);
        curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, receiveHeader);
        curl_easy_setopt(handle, CURLOPT_HEADERDATA, &receiving);
        curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, reason);
        const CURLcode result = curl_easy_perform(handle);
        long status = 0;
        curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
        curl_slist_free_all(headers);
        giveBack(handle);
        if (receiving.too_large)
            throw UserError("http.too-large", fmt::format("the answer of {} is larger than {} bytes",
                                                          request.url, request.response_size_max));
        if (result == CURLE_OPERATION_TIMEDOUT)
            throw UserError("http.timeout",
                            fmt::format("{} did not answer in {} ms", request.url, request.timeout_ms));
        if (result != CURLE_OK)
            throw UserError("http.unreachable", fmt::format("cannot reach {}: {}", request.url,
                                                            *reason ? reason : curl_easy_strerror(result)));
        receiving.response.status = static_cast<int>(status);
        return std::move(receiving.response);
    }

  private:
    static constexpr size_t kIdleMax = 4;

    CURL* take() {
        {
            std::lock_guard lock(mutex_);
            if (!idle_.empty()) {
                CURL* const handle = idle_.back();
                idle_.pop_back();
                return handle;
            }
        }
        CURL* const handle = curl_easy_init();
        MILLRACE_CHECK(handle, "libcurl has no memory");
        return handle;
    }

    void giveBack(CURL* handle) {
        curl_easy_reset(handle);  // keeps its connections
        std::lock_guard lock(mutex_);
        if (idle_.size() < kIdleMax)
            idle_.push_back(handle);
        else
            curl_easy_cleanup(handle);
    }

    const HttpTls tls_;
    std::mutex mutex_;
    std::vector<CURL*> idle_;
};

}  // namespace

std::string HttpClientResponse::header(std::string_view name) const {
    for (const auto& [key, value] : headers)
        if (key.size() == name.size() && strncasecmp(key.data(), name.data(), name.size()) == 0) return value;
    return "";
}

std::unique_ptr<HttpClient> makeCurlHttpClient() { return makeCurlHttpClient(HttpTls{}); }

std::unique_ptr<HttpClient> makeCurlHttpClient(const HttpTls& tls) {
    return std::make_unique<CurlHttpClient>(tls);
}

}  // namespace millrace
