// calculator: functions over numbers, strings and records, to call with `berth run --invoke`.
#include "calculator_cpp.h"

#include <algorithm>

int32_t exports::calculator::Add(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));  // wraps, never undefined
}

std::expected<double, wit::string> exports::calculator::Divide(double dividend, double divisor) {
  if (divisor == 0) return std::unexpected(wit::string::from_view("division by zero"));
  return dividend / divisor;
}

wit::string exports::calculator::Concat(wit::vector<wit::string> parts) {
  std::string all;
  for (const wit::string& part : parts.get_const_view()) all += part.get_view();
  return wit::string::from_view(all);
}

namespace exports::berth::calculator::shapes {

std::optional<std::tuple<Point, Point>> Bounds(wit::vector<Point> points) {
  if (points.empty()) return std::nullopt;
  Point low = points[0];
  Point high = points[0];
  for (const Point& point : points.get_const_view()) {
    low = {std::min(low.x, point.x), std::min(low.y, point.y)};
    high = {std::max(high.x, point.x), std::max(high.y, point.y)};
  }
  return std::tuple{low, high};
}

}  // namespace exports::berth::calculator::shapes
