#include "operators/join_type.h"

#include "base/error.h"

namespace millrace {

const char* joinTypeName(JoinType type) {
    switch (type) {
        case JoinType::Inner:
            return "InnerJoin";
        case JoinType::Left:
            return "LeftOuterJoin";
        case JoinType::Right:
            return "RightOuterJoin";
        case JoinType::Full:
            return "FullOuterJoin";
        case JoinType::Semi:
            return "LeftSemiJoin";
        case JoinType::Anti:
            return "LeftAntiJoin";
    }
    throw InternalError("an unknown join type");
}

}  // namespace millrace
