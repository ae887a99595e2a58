// Remainders by a divisor that is known only at run time but does not change: two multiplications instead of
// a division (D. Lemire, O. Kaser, N. Kurz, "Faster remainder by direct computation", 2019).
#pragma once

#include <cstdint>

namespace millrace {

class Remainder {
  public:
    explicit Remainder(uint32_t divisor) : divisor_(divisor), inverse_(UINT64_MAX / divisor + 1) {}

    uint32_t operator()(uint32_t value) const {
        const uint64_t fraction = inverse_ * value;
        return static_cast<uint32_t>((static_cast<unsigned __int128>(fraction) * divisor_) >> 64);
    }

  private:
    uint32_t divisor_;  // not 0
    uint64_t inverse_;  // ceil(2^64 / divisor); for 1 it wraps to 0, and every remainder is 0
};

}  // namespace millrace
