#include "base/http_stream.h"

#include <curl/curl.h>
#include <strings.h>

#include <exception>
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

struct Streaming {
    const HttpReceiver& receiver;
    CURL* handle;
    bool begun = false;
    bool stopped = false;
    std::exception_ptr failure = nullptr;

    // Exceptions must not pass through libcurl.
    template <class Step>
    bool take(Step step) {
        try {
            stopped = !step();
        } catch (...) {
            failure = std::current_exception();
        }
        return !stopped && !failure;
    }
    bool begin() {
        begun = true;
        long status = 0;
        curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
        return take([&] {
            receiver.begin(static_cast<int>(status));
            return true;
        });
    }
};

size_t streamBody(char* data, size_t size, size_t count, void* user) {
    auto& streaming = *static_cast<Streaming*>(user);
    if (!streaming.begun && !streaming.begin()) return 0;
    return streaming.take([&] { return streaming.receiver.data({data, size * count}); }) ? size * count : 0;
}

int streamIdles(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    auto& streaming = *static_cast<Streaming*>(user);
    return streaming.take([&] { return streaming.receiver.idle(); }) ? 0 : 1;
}

class CurlHttpClient final : public HttpStreamClient {
  public:
    CurlHttpClient(bool verify_certificates, HttpTls tls)
        : verify_certificates_(verify_certificates), tls_(std::move(tls)) {
        static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
        MILLRACE_CHECK(initialised == CURLE_OK, "libcurl does not start");
    }

    ~CurlHttpClient() override {
        for (CURL* handle : idle_)
            curl_easy_cleanup(handle);
    }

    HttpClientResponse send(const HttpClientRequest& request) override {
        Exchange exchange(*this, request);
        Receiving receiving;
        receiving.size_max = request.response_size_max;
        curl_easy_setopt(exchange.handle, CURLOPT_WRITEFUNCTION, receiveBody);
        curl_easy_setopt(exchange.handle, CURLOPT_WRITEDATA, &receiving);
        curl_easy_setopt(exchange.handle, CURLOPT_HEADERFUNCTION, receiveHeader);
        curl_easy_setopt(exchange.handle, CURLOPT_HEADERDATA, &receiving);
        const CURLcode result = curl_easy_perform(exchange.handle);
        long status = 0;
        curl_easy_getinfo(exchange.handle, CURLINFO_RESPONSE_CODE, &status);
        if (receiving.too_large)
            throw UserError("http.too-large", fmt::format("the answer of {} is larger than {} bytes",
                                                          request.url, request.response_size_max));
        exchange.check(result);
        receiving.response.status = static_cast<int>(status);
        return std::move(receiving.response);
    }

    void receive(const HttpClientRequest& request, const HttpReceiver& receiver) override {
        Exchange exchange(*this, request);
        Streaming streaming{receiver, exchange.handle};
        curl_easy_setopt(exchange.handle, CURLOPT_WRITEFUNCTION, streamBody);
        curl_easy_setopt(exchange.handle, CURLOPT_WRITEDATA, &streaming);
        curl_easy_setopt(exchange.handle, CURLOPT_NOPROGRESS, 0L);
        curl_easy_setopt(exchange.handle, CURLOPT_XFERINFOFUNCTION, streamIdles);
        curl_easy_setopt(exchange.handle, CURLOPT_XFERINFODATA, &streaming);
        const CURLcode result = curl_easy_perform(exchange.handle);
        if (streaming.failure) std::rethrow_exception(streaming.failure);
        if (streaming.stopped || (result == CURLE_OPERATION_TIMEDOUT && streaming.begun)) return;
        exchange.check(result);
        if (!streaming.begun) streaming.begin();  // an answer without a body
        if (streaming.failure) std::rethrow_exception(streaming.failure);
    }

  private:
    static constexpr size_t kIdleMax = 16;

    // A handle with what every request has.
    struct Exchange {
        Exchange(CurlHttpClient& all, const HttpClientRequest& asked)
            : client(all), request(asked), handle(all.take()) {
            for (const auto& [name, value] : request.headers)
                // "Name;" is libcurl's way to say a header that is present and empty.
                headers =
                    curl_slist_append(headers, (value.empty() ? name + ";" : name + ": " + value).c_str());
            headers = curl_slist_append(headers, "Expect:");
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
            if (!client.verify_certificates_) {
                curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 0L);
                curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 0L);
            }
            const HttpTls& tls = client.tls_;
            if (!tls.ca_file.empty()) curl_easy_setopt(handle, CURLOPT_CAINFO, tls.ca_file.c_str());
            if (!tls.certificate_file.empty()) {
                curl_easy_setopt(handle, CURLOPT_SSLCERT, tls.certificate_file.c_str());
                curl_easy_setopt(handle, CURLOPT_SSLKEY, tls.certificate_file.c_str());
                if (!tls.key_password.empty())
                    curl_easy_setopt(handle, CURLOPT_KEYPASSWD, tls.key_password.c_str());
            }
            curl_easy_setopt(handle, CURLOPT_NOPROXY, "localhost,127.0.0.1,::1");
            curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
            curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS,
                             static_cast<long>(request.connect_timeout_ms));
            curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout_ms));
            curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, reason);
        }
        ~Exchange() {
            curl_slist_free_all(headers);
            client.giveBack(handle);
        }
        Exchange(const Exchange&) = delete;
        Exchange& operator=(const Exchange&) = delete;

        void check(CURLcode result) const {
            if (result == CURLE_OPERATION_TIMEDOUT)
                throw UserError("http.timeout",
                                fmt::format("{} did not answer in {} ms", request.url, request.timeout_ms));
            if (result != CURLE_OK)
                throw UserError("http.unreachable",
                                fmt::format("cannot reach {}: {}", request.url,
                                            *reason ? reason : curl_easy_strerror(result)));
        }

        CurlHttpClient& client;
        const HttpClientRequest& request;
        CURL* const handle;
        curl_slist* headers = nullptr;
        char reason[CURL_ERROR_SIZE] = "";
    };

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

    const bool verify_certificates_;
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

void HttpStreamClient::receive(const HttpClientRequest& request, const HttpReceiver& receiver) {
    const HttpClientResponse response = send(request);
    receiver.begin(response.status);
    if (!response.body.empty()) receiver.data(response.body);
}

std::unique_ptr<HttpClient> makeCurlHttpClient() { return makeCurlHttpStreamClient(true); }

std::unique_ptr<HttpClient> makeCurlHttpClient(const HttpTls& tls) {
    return std::make_unique<CurlHttpClient>(true, tls);
}

std::unique_ptr<HttpStreamClient> makeCurlHttpStreamClient(bool verify_certificates) {
    return std::make_unique<CurlHttpClient>(verify_certificates, HttpTls{});
}

}  // namespace millrace
