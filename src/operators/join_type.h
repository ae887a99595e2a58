// The kinds of join that operators know.
#pragma once

#include <cstdint>

namespace millrace {

enum class JoinType : uint8_t { Inner, Left, Right, Full, Semi, Anti };

// "InnerJoin", "LeftOuterJoin", as Flink's EXPLAIN names them.
const char* joinTypeName(JoinType type);

// Whether rows of the left or right input that match nothing matter.
inline bool keepsLeft(JoinType type) { return type == JoinType::Left || type == JoinType::Full; }
inline bool keepsRight(JoinType type) { return type == JoinType::Right || type == JoinType::Full; }
inline bool onlyLeft(JoinType type) { return type == JoinType::Semi || type == JoinType::Anti; }

}  // namespace millrace
