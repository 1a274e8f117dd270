#include <mobula/mobula.hpp>
#include <mobula/serialization/cereal.hpp>

#include "point.hpp"

int use(point p) { return p.x; }
int other() { return mobula::get(mobula::async<use>(point{3, 4})); }
