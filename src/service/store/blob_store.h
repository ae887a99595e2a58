// Code packages by content: blobs/<SHA-256>. A blob is written once, whole, and read with its checksum
// verified.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace millrace {

class BlobStore {
  public:
    explicit BlobStore(std::string folder);

    std::string put(std::string_view bytes);     // durable on return; gives the SHA-256
    std::string get(const std::string& sha256);  // UserError "store.damaged" if it is missing or changed
    // Removes all but `used`. A version must be stored in the same lock as its blob is put under: see
    // CreateApplication.
    void collect(const std::vector<std::string>& used);

  private:
    std::string folder_;
};

}  // namespace millrace
