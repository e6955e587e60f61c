// A directory for stores of its own, removed at the end.
#ifndef WRIT_TESTS_UNIT_STORE_FIXTURE_H_
#define WRIT_TESTS_UNIT_STORE_FIXTURE_H_

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include "broker/store/store.h"

namespace writ::store_tests {

class StorePlace {
 public:
  StorePlace() {
    std::string pattern = (std::filesystem::temp_directory_path() / "writ-store-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) FAIL("no temporary directory");
    base_ = pattern;
  }
  StorePlace(const StorePlace&) = delete;
  StorePlace& operator=(const StorePlace&) = delete;
  ~StorePlace() {
    std::error_code ignored;
    std::filesystem::remove_all(base_, ignored);
  }

  [[nodiscard]] const std::string& base() const { return base_; }
  [[nodiscard]] std::string directory() const { return base_ + "/state/writ/store"; }
  [[nodiscard]] std::string file() const { return directory() + "/" + kStoreFileName; }

  [[nodiscard]] Store open(const StoreOptions& options = {}) const {
    Result<Store> store = Store::open(directory(), options);
    if (!store) FAIL("should open: " << store.error().describe());
    return std::move(*store);
  }

  // The error of an opening that must fail.
  [[nodiscard]] Error refused(const StoreOptions& options = {}) const {
    const Result<Store> store = Store::open(directory(), options);
    if (store) FAIL("should not open");
    return store.error();
  }

 private:
  std::string base_;
};

// What must succeed in a test.
inline void need(const Status& status) {
  if (!status) FAIL(status.error().describe());
}
template <class T>
T needed(Result<T> result) {
  if (!result) FAIL(result.error().describe());
  return std::move(*result);
}

}  // namespace writ::store_tests

#endif  // WRIT_TESTS_UNIT_STORE_FIXTURE_H_
