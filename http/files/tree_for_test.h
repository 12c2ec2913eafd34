// A directory with files for one test.

#ifndef CORELANE_HTTP_FILES_TREE_FOR_TEST_H_
#define CORELANE_HTTP_FILES_TREE_FOR_TEST_H_

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace corelane::http::files {

class TreeForTest {
 public:
  TreeForTest() {
    std::string name = ::testing::TempDir() + "/treeXXXXXX";
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    path_ = name;
  }
  ~TreeForTest() { std::filesystem::remove_all(path_); }

  // Beside the root, where nothing may be served from.
  std::string outside() const { return path_ + "/outside"; }
  std::string root() const { return path_ + "/root"; }

  // Modified at `seconds` past 1994-11-06 08:49:37 UTC.
  void Write(const std::string& name, const std::string& content, int seconds = 0) {
    const std::string file = root() + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(file).parent_path());
    std::ofstream(file, std::ios::binary) << content;
    SetTime(name, seconds);
  }
  void SetTime(const std::string& name, int seconds) {
    const timespec when = {784111777 + seconds, 5};
    const timespec times[2] = {when, when};
    ASSERT_EQ(utimensat(AT_FDCWD, (root() + "/" + name).c_str(), times, 0), 0);
  }
  void Link(const std::string& to, const std::string& name) {
    std::filesystem::create_symlink(to, root() + "/" + name);
  }

 private:
  std::string path_;
};

}  // namespace corelane::http::files

#endif  // CORELANE_HTTP_FILES_TREE_FOR_TEST_H_
