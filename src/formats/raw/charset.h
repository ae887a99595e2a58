// Texts from and to another character set than UTF-8.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace millrace {

class Charset {
  public:
    // UserError "config.bad-value" naming `key` if there is no such character set.
    Charset(const std::string& key, const std::string& name);
    ~Charset();
    Charset(const Charset&) = delete;
    Charset& operator=(const Charset&) = delete;

    bool isUtf8() const { return utf8_; }
    // As Java's: what cannot be represented becomes U+FFFD, or '?' where that cannot be either.
    void toUtf8(std::string_view bytes, std::string& out);
    void fromUtf8(std::string_view text, std::string& out);

  private:
    struct Converter;
    bool utf8_ = false;
    std::unique_ptr<Converter> converter_;
};

}  // namespace millrace
