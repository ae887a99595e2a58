// All the state of one operator in one subtask: keyed tables and lists, made on first use, captured at a
// barrier, restored before the first record. A backend is chosen per job (`state.backend.type`): `hashmap`
// keeps everything in memory.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "state/keyed_table.h"
#include "state/snapshot.h"

namespace millrace {

class StateBackend {
  public:
    virtual ~StateBackend() = default;
    // The table of that name; restored rows are already in it. UserError "state.incompatible" if the snapshot
    // holds a state of that name with other types: it names operator, state and what changed.
    virtual KeyedTable& table(const KeyedStateDescriptor& descriptor) = 0;
    // Operator (non-keyed) state: a list of byte strings, redistributed at restore as `redistribution` says.
    virtual std::vector<std::string>& list(const std::string& name, Redistribution redistribution) = 0;
    // What a checkpoint keeps; called on the slot's thread at the barrier, so it must be quick: the result is
    // immutable and is written by another thread.
    virtual OperatorSnapshot capture() = 0;
    virtual size_t bytes() const = 0;
};

// `restored` are the snapshots of this operator of every former subtask (empty: start empty); the backend
// takes the key groups [owned by `subtask` at `parallelism`] and its share of the lists.
struct StateBackendParameters {
    std::string operator_uid;
    std::string operator_name;
    SlotIndex subtask;
    uint32_t parallelism = 1;
    uint32_t max_parallelism = 128;
    std::vector<std::shared_ptr<const OperatorSnapshot>> restored;
};
std::unique_ptr<StateBackend> makeHashMapStateBackend(const StateBackendParameters& parameters);

}  // namespace millrace
