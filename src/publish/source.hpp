// What publish needs from whoever keeps the published objects.
// Threads: a PublishedSource may be asked from any thread; objects are immutable once handed out.
#pragma once

#include <hinomi/access/principal.hpp>
#include <hinomi/base/time.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace hinomi::publish {

// One version of one object, as it was put into the collection.
struct PublishedObject {
  std::int64_t date_added = 0;  // UTC microseconds; in a collection each object has its own, and later means larger
  std::string id;
  std::string type;
  base::Time version;  // its `modified`, or `created` where a type has none; never after date_added
  std::string json;
};
using ObjectPointer = std::shared_ptr<const PublishedObject>;

class PublishedSource {
 public:
  virtual ~PublishedSource() = default;
  // At most `count` objects that `who` may see with date_added beyond `after`, ascending by it.
  [[nodiscard]] virtual std::vector<ObjectPointer> after(const access::Principal& who, std::int64_t after,
                                                         std::size_t count) const = 0;
  // All versions of one object that `who` may see, ascending by date_added, which is also the order of their versions.
  [[nodiscard]] virtual std::vector<ObjectPointer> versions(const access::Principal& who,
                                                            std::string_view id) const = 0;
};

}  // namespace hinomi::publish
