// Any date or time as local microseconds: what calendar functions compute on.
#pragma once

#include <vector>

#include "batch/time_points.h"
#include "functions/kernels.h"
#include "functions/time_zone.h"

namespace millrace {

// Of a TIMESTAMP_LTZ in the session's zone; of a TIME on 1970-01-01. Nanoseconds are cut off.
inline std::vector<int64_t> localMicros(const FunctionContext& context, const Column& column, size_t rows) {
    std::vector<int64_t> local(rows);
    switch (column.type().kind()) {
        case TypeKind::Date:
            for (size_t i = 0; i < rows; ++i)
                local[i] = column.data<int32_t>()[i] * kMicrosPerDay;
            break;
        case TypeKind::Time:
            for (size_t i = 0; i < rows; ++i)
                local[i] = int64_t(column.data<int32_t>()[i]) * 1000;
            break;
        case TypeKind::TimestampLtz: {
            ZoneConverter& zone = zoneConverter(context.time_zone);
            for (size_t i = 0; i < rows; ++i)
                local[i] = column.isNull(i) ? 0 : zone.toLocal(timePointAt(column, i).micros);
            break;
        }
        default:
            if (column.type().isNanos()) {
                for (size_t i = 0; i < rows; ++i)
                    local[i] = timePointAt(column, i).micros;
            } else {
                std::copy_n(column.data<int64_t>(), rows, local.begin());
            }
            break;
    }
    return local;
}

inline bool dependsOnZone(const LogicalType& type) { return type.kind() == TypeKind::TimestampLtz; }

}  // namespace millrace
