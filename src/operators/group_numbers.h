// Numbers that stand for groups in the keys of other tables: 8 bytes, however wide the group's own key is. A
// number hashes into the key group it was given for, so that a row keyed by it lies with the group's own row
// at any parallelism, and no other subtask gives it. It is not drawn until it does: hashes are counted, and
// what hashes to each is computed (mixHash() has an inverse).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/hash.h"
#include "runtime/operator.h"

namespace millrace {

class GroupNumbers {
  public:
    // Goes on behind the numbers given before a restore, by any subtask: the union list `list` of the state
    // says where. UserError "snapshot.damaged".
    GroupNumbers(OperatorContext& context, const std::string& list);

    int64_t next(KeyGroup group);
    void store();  // after a batch for which next() was called

  private:
    uint32_t max_parallelism_;
    std::vector<std::string>& list_;
    uint64_t next_ = 0;
};

}  // namespace millrace
