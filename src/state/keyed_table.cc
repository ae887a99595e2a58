#include "state/keyed_table.h"

namespace millrace {

RowLayout layoutOf(const KeyedStateDescriptor& descriptor) {
    std::vector<LogicalType> types;
    for (const Field& field : descriptor.key)
        types.push_back(field.type);
    for (const Field& field : descriptor.value)
        types.push_back(field.type);
    return RowLayout(std::move(types));
}

KeyedTable::KeyedTable(KeyedStateDescriptor descriptor)
    : descriptor_(std::move(descriptor)),
      layout_(layoutOf(descriptor_)),
      link_offset_(layout_.rowBytes() + (descriptor_.ttl.ms > 0 ? sizeof(int64_t) : 0)) {}

}  // namespace millrace
