// Randomness, as a parameter: every source of it can be seeded, so a run can be repeated.
#pragma once

#include <cstdint>

namespace millrace {

// xoshiro256** (Blackman and Vigna, 2018), seeded through splitmix64. Not for secrets.
class Random {
  public:
    explicit Random(uint64_t seed);

    uint64_t next();
    uint64_t below(uint64_t bound);  // uniform in [0, bound); bound > 0
    double unit();                   // uniform in [0, 1)
    bool chance(double probability) { return unit() < probability; }
    Random fork();  // an independent stream

  private:
    uint64_t state_[4];
};

// A seed from the system's entropy, for runs that need not repeat.
uint64_t entropySeed();

}  // namespace millrace
