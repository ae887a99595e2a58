#include "service/store/blob_store.h"

#include <algorithm>

#include "base/error.h"
#include "base/file_system.h"
#include "base/hash.h"

namespace millrace {

BlobStore::BlobStore(std::string folder) : folder_(std::move(folder)) {
    localFileSystem().createFolders(folder_);
}

std::string BlobStore::put(std::string_view bytes) {
    std::string name = sha256Hex(bytes);
    const std::string path = joinPath(folder_, name);
    if (!localFileSystem().exists(path)) writeFileAtomically(localFileSystem(), path, bytes);
    return name;
}

std::string BlobStore::get(const std::string& sha256) {
    const std::string path = joinPath(folder_, sha256);
    if (!localFileSystem().exists(path))
        throw UserError("store.damaged", fmt::format("the code package {} is missing", path),
                        "restore it from a backup");
    std::string bytes = readFile(localFileSystem(), path);
    if (sha256Hex(bytes) != sha256)
        throw UserError("store.damaged", fmt::format("the code package {} was changed on disk", path),
                        "restore it from a backup");
    return bytes;
}

void BlobStore::collect(const std::vector<std::string>& used) {
    for (const auto& file : localFileSystem().list(folder_))
        if (std::find(used.begin(), used.end(), file.name) == used.end())
            localFileSystem().remove(joinPath(folder_, file.name));
}

}  // namespace millrace
