// Links to an application's Flink dashboard and REST API, as CreateApplicationPresignedUrl gives them: a
// token signed with a key of the service (HMAC-SHA256) names the application and when it was given. It must
// be used within three minutes; from then on it opens the application, for reading, until its session ends.
//
// Sessions are remembered in memory: after a restart of the service, links that are older than three minutes
// have ended.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace millrace {

class PresignedUrls {
  public:
    static constexpr int64_t kFirstUseSeconds = 180;

    // The key is made when the file is absent.
    explicit PresignedUrls(const std::string& key_path);

    std::string issue(int64_t application_id, int64_t session_seconds, int64_t now_seconds);
    // The application that the token opens now; nothing if it is not one of ours, or has ended.
    std::optional<int64_t> open(const std::string& token, int64_t now_seconds);

  private:
    std::string signatureOf(const std::string& text) const;

    std::string key_;
    std::mutex mutex_;
    std::map<std::string, int64_t> sessions_;  // tokens in use, and when each ends
};

}  // namespace millrace
