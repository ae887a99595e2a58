// Memory that is lent to columns and must not be used again before they are gone. Loans follow on one another
// without end, so they are told apart by generations: what is released while there are any waits for those of
// the newest generation, and all before.
//
// Loans are taken, and memory is released, by one thread; they may end on any.
#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

namespace millrace {

template <class Released>
class Loans {
  public:
    // While what it gives lives, nothing is recycled that is released from now on, and `lender` lives, too.
    std::shared_ptr<const void> lend(std::shared_ptr<const void> lender) {
        return std::make_shared<Loan>(std::move(lender), generations_.back());
    }

    // Calls recycle(released) for it and what has waited, as far as that can be used again; the rest waits.
    template <class Recycle>
    void release(Released released, Recycle&& recycle) {
        if (waiting_ > 0) recycleReleased(recycle);
        if (generations_.size() == 1 && !generations_.back()->lent()) return recycle(released);
        generations_.back()->released.push_back(released);
        ++waiting_;
        if (generations_.back()->released.size() >= kReleasedMost)
            generations_.push_back(std::make_shared<Generation>());
    }

    template <class Recycle>
    void recycleReleased(Recycle&& recycle) {
        for (;;) {
            Generation& oldest = *generations_.front();
            if (oldest.lent()) return;
            for (const Released& released : oldest.released)
                recycle(released);
            waiting_ -= oldest.released.size();
            oldest.released.clear();
            if (generations_.size() == 1) return;
            generations_.pop_front();
        }
    }

    size_t waiting() const { return waiting_; }  // of what was released
    // So much waits, where `live` are in use, that lending more would do more harm than copying: whoever
    // holds a loan for long keeps more from being used again than it has.
    bool tooMuchWaits(size_t live) const { return waiting_ > kWaitingAnyway + live / 4; }

  private:
    static constexpr size_t kReleasedMost = 1024;  // of one generation
    static constexpr size_t kWaitingAnyway = 16384;

    struct Generation {
        bool lent() const { return loans.load(std::memory_order_acquire) > 0; }
        std::atomic<size_t> loans = 0;
        std::vector<Released> released;
    };
    struct Loan {
        Loan(std::shared_ptr<const void> from, std::shared_ptr<Generation> of)
            : lender(std::move(from)), generation(std::move(of)) {
            ++generation->loans;
        }
        ~Loan() { generation->loans.fetch_sub(1, std::memory_order_release); }
        Loan(const Loan&) = delete;
        Loan& operator=(const Loan&) = delete;
        const std::shared_ptr<const void> lender;
        const std::shared_ptr<Generation> generation;
    };

    std::deque<std::shared_ptr<Generation>> generations_{std::make_shared<Generation>()};
    size_t waiting_ = 0;
};

}  // namespace millrace
