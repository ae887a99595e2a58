// AWS's encoding of streams of events over HTTP (application/vnd.amazon.eventstream): messages of a length,
// headers and a payload, each with checksums.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace millrace {

struct AwsEvent {
    std::map<std::string, std::string> headers;  // those that are texts: ":message-type", ":event-type"
    std::string payload;

    const std::string& header(const std::string& name) const;  // "" without it
};

// Takes bytes as they come.
class AwsEventStream {
  public:
    void append(std::string_view bytes) { buffer_.append(bytes); }
    // The next message that is whole. UserError "aws.bad-event" for wrong checksums and lengths.
    std::optional<AwsEvent> next();

  private:
    std::string buffer_;
    size_t taken_ = 0;
};

}  // namespace millrace
