#include "runtime/waker.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "base/error.h"

namespace millrace {

Waker::~Waker() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

void Waker::announce() {
    if (descriptor_ < 0) {
        descriptor_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (descriptor_ < 0) {
            throw UserError("system.no-descriptors",
                            fmt::format("cannot make an eventfd: {}", std::strerror(errno)),
                            "raise the limit on open files (ulimit -n)");
        }
    }
    sleeping_.store(true, std::memory_order_seq_cst);
}

void Waker::sleep(int64_t timeout_ms) {
    pollfd entry{descriptor_, POLLIN, 0};
    const int timeout =
        timeout_ms < 0 ? -1
                       : static_cast<int>(std::min<int64_t>(timeout_ms, std::numeric_limits<int>::max()));
    ::poll(&entry, 1, timeout);
    sleeping_.store(false, std::memory_order_relaxed);
    uint64_t count = 0;
    while (::read(descriptor_, &count, sizeof(count)) < 0 && errno == EINTR) {
    }
}

void Waker::signal() {
    const uint64_t one = 1;
    while (::write(descriptor_, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
}

}  // namespace millrace
