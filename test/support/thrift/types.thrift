/* Every type that the codec knows. */
struct Leaf { 1: i32 number, 2: optional string text }
union Choice { 1: i32 number, 2: string text, 3: Leaf leaf }
exception Refused { 1: string message, 7: i32 number }
struct Everything {
  1: bool truth, 2: i8 small, 3: i16 middle, 4: i32 usual, 5: i64 large, 6: i64 whole, 7: double real, 8: string text,
  9: binary bytes, 10: list<double> reals, 11: list<Leaf> leaves, 12: list<list<string>> nested, 13: Choice choice,
  14: map<string, i32> counts, 15: map<i32, Leaf> leavesByNumber, 300: optional Leaf optional_leaf
}
service Types {
  Everything echo(1: Everything it) throws (1: Refused refused)
  void nothing()
}
