#pragma once

/// A type that one file sends by its own functions, and the other by cereal's.

struct point {
  int x;
  int y;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(x, y);
  }
};

int use(point p);
int other();
