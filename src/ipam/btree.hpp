// An ordered set of small handles whose keys are read through them: a B+ tree, so that a handle
// costs its own size and little more, and a search few cache misses however many there are. Leaves
// are linked, for walks in order. Rejected: std::set, which takes 32 bytes beside each handle, and
// one sorted array, where an insertion moves them all. Pure; not thread-safe.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "base/assert.hpp"

namespace ipam {

// T: a handle that is copied freely; T() is none, and converts to false. KeyOf()(T) is its key,
// which does not change while it is in a tree.
template <class T, class KeyOf>
class BTree {
 public:
  using Key = decltype(KeyOf()(T()));

  BTree() = default;
  BTree(const BTree&) = delete;
  BTree& operator=(const BTree&) = delete;
  ~BTree() {
    if (root_ != nullptr) destroy(root_, height_);
  }

 private:
  struct Node {};
  struct Leaf : Node {
    Leaf* previous = nullptr;
    Leaf* next = nullptr;
    std::vector<T> items;  // by key; never empty but for the length of an erase()
  };
  struct Inner : Node {
    std::vector<Node*> children;
    std::vector<Key> keys;  // one less: nothing in children[i + 1] is below keys[i], all before is
  };
  static constexpr std::size_t fan_out = 64;

 public:
  // Invalid after each insert() and erase(). Only the end has no item.
  class Iterator {
   public:
    const T& operator*() const { return leaf_->items[at_]; }
    Iterator& operator++() {
      ++at_;
      skip_end();
      return *this;
    }
    // REQUIRES: it is not begin().
    Iterator& operator--() {
      if (at_ == 0) {
        leaf_ = leaf_->previous;
        at_ = leaf_->items.size();
      }
      --at_;
      return *this;
    }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    friend class BTree;
    Iterator(const Leaf* leaf, std::size_t at) : leaf_(leaf), at_(at) {
      if (leaf_ != nullptr) skip_end();
    }
    void skip_end() {
      if (at_ < leaf_->items.size() || leaf_->next == nullptr) return;
      leaf_ = leaf_->next;
      at_ = 0;
    }
    const Leaf* leaf_;
    std::size_t at_;
  };

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  Iterator begin() const { return Iterator(first_, 0); }
  Iterator end() const { return Iterator(last_, last_ != nullptr ? last_->items.size() : 0); }

  // The first item whose key is not below this one, and the first whose key is above it.
  Iterator lower_bound(const Key& key) const {
    const Leaf* const leaf = leaf_of(key);
    return Iterator(leaf, leaf != nullptr ? place_in(*leaf, key) : 0);
  }
  Iterator upper_bound(const Key& key) const {
    Iterator it = lower_bound(key);
    if (it != end() && KeyOf()(*it) == key) ++it;
    return it;
  }
  // T(): none.
  T find(const Key& key) const {
    const Leaf* const leaf = leaf_of(key);
    if (leaf == nullptr) return T();
    const std::size_t at = place_in(*leaf, key);
    return at < leaf->items.size() && KeyOf()(leaf->items[at]) == key ? leaf->items[at] : T();
  }

  // False: one with its key is there already, and nothing changes.
  bool insert(T item) {
    const Key key = KeyOf()(item);
    if (root_ == nullptr) root_ = first_ = last_ = new Leaf;
    const std::size_t size_before = size_;
    const Split split = insert(root_, height_, key, item);
    if (split.node == nullptr) return size_ > size_before;
    auto* const above = new Inner;
    above->children = {root_, split.node};
    above->keys = {split.key};
    root_ = above;
    ++height_;
    return true;
  }

  // In the place of the one with its key. REQUIRES: there is one.
  void replace(T item) {
    const Key key = KeyOf()(item);
    Leaf* const leaf = leaf_of(key);
    ASSERT(leaf != nullptr);
    const std::size_t at = place_in(*leaf, key);
    ASSERT(at < leaf->items.size() && KeyOf()(leaf->items[at]) == key);
    leaf->items[at] = item;
  }

  // False: there is none.
  bool erase(const Key& key) {
    if (root_ == nullptr || !erase(root_, height_, key)) return false;
    --size_;
    while (height_ > 0 && count_of(root_, height_) == 1) {
      auto* const inner = static_cast<Inner*>(root_);
      root_ = inner->children.front();
      delete inner;
      --height_;
    }
    if (count_of(root_, height_) > 0) return true;
    drop(root_, height_);
    root_ = nullptr;
    height_ = 0;
    return true;
  }

  // Aborts where it is no tree of ascending keys whose leaves are linked in order, or where it is
  // emptier than erase() leaves it. O(n), for tests.
  void check_invariants() const {
    const Leaf* leaf = nullptr;
    const std::size_t found = root_ != nullptr ? check(root_, height_, nullptr, nullptr, leaf) : 0;
    ASSERT(found == size_ && leaf == last_ && (leaf == nullptr || leaf->next == nullptr));
    ASSERT((root_ == nullptr) == (first_ == nullptr));
  }

 private:
  struct Split {
    Key key = {};
    Node* node = nullptr;  // nullptr: there was room
  };

  static std::size_t child_of(const Inner& inner, const Key& key) {
    return static_cast<std::size_t>(std::upper_bound(inner.keys.begin(), inner.keys.end(), key) -
                                    inner.keys.begin());
  }
  static std::size_t place_in(const Leaf& leaf, const Key& key) {
    const auto is_below = [](const T& item, const Key& wanted) { return KeyOf()(item) < wanted; };
    // Ids and addresses are mostly handed out in order.
    if (is_below(leaf.items.back(), key)) return leaf.items.size();
    return static_cast<std::size_t>(
        std::lower_bound(leaf.items.begin(), leaf.items.end(), key, is_below) -
        leaf.items.begin());
  }
  static std::size_t count_of(const Node* node, int level) {
    return level == 0 ? static_cast<const Leaf*>(node)->items.size()
                      : static_cast<const Inner*>(node)->children.size();
  }

  Leaf* leaf_of(const Key& key) const {
    Node* node = root_;
    for (int level = height_; level > 0; --level) {
      const auto* inner = static_cast<const Inner*>(node);
      node = inner->children[child_of(*inner, key)];
    }
    return static_cast<Leaf*>(node);
  }

  Split insert(Node* node, int level, const Key& key, T item) {
    if (level == 0) return insert(*static_cast<Leaf*>(node), key, item);
    auto& inner = *static_cast<Inner*>(node);
    const std::size_t at = child_of(inner, key);
    const Split below = insert(inner.children[at], level - 1, key, item);
    if (below.node == nullptr) return {};
    const auto offset = static_cast<std::ptrdiff_t>(at);
    inner.keys.insert(inner.keys.begin() + offset, below.key);
    inner.children.insert(inner.children.begin() + offset + 1, below.node);
    if (inner.children.size() <= fan_out) return {};
    auto* const right = new Inner;
    constexpr std::size_t kept = fan_out / 2;
    const Split split{inner.keys[kept - 1], right};
    right->children.assign(inner.children.begin() + kept, inner.children.end());
    right->keys.assign(inner.keys.begin() + kept, inner.keys.end());
    inner.children.resize(kept);
    inner.keys.resize(kept - 1);
    return split;
  }

  Split insert(Leaf& leaf, const Key& key, T item) {
    const std::size_t at = leaf.items.empty() ? 0 : place_in(leaf, key);
    if (at < leaf.items.size() && KeyOf()(leaf.items[at]) == key) return {};
    ++size_;
    const auto place = leaf.items.begin() + static_cast<std::ptrdiff_t>(at);
    if (leaf.items.size() < fan_out) {
      leaf.items.insert(place, item);
      return {};
    }
    auto* const right = new Leaf;
    right->previous = &leaf;
    right->next = std::exchange(leaf.next, right);
    (right->next != nullptr ? right->next->previous : last_) = right;
    if (at == fan_out && right->next == nullptr) {  // in ascending order all leaves become full
      right->items.push_back(item);
      return {key, right};
    }
    constexpr std::size_t kept = fan_out / 2;
    right->items.assign(leaf.items.begin() + kept, leaf.items.end());
    leaf.items.resize(kept);
    Leaf& half = at <= kept ? leaf : *right;
    const std::size_t at_in_half = at <= kept ? at : at - kept;
    half.items.insert(half.items.begin() + static_cast<std::ptrdiff_t>(at_in_half), item);
    return {KeyOf()(right->items.front()), right};
  }

  bool erase(Node* node, int level, const Key& key) {
    if (level > 0) {
      auto& inner = *static_cast<Inner*>(node);
      const std::size_t at = child_of(inner, key);
      if (!erase(inner.children[at], level - 1, key)) return false;
      join_small(inner, at, level - 1);
      return true;
    }
    auto& items = static_cast<Leaf*>(node)->items;
    const std::size_t at = place_in(*static_cast<Leaf*>(node), key);
    if (at == items.size() || KeyOf()(items[at]) != key) return false;
    items.erase(items.begin() + static_cast<std::ptrdiff_t>(at));
    return true;
  }

  // Two small neighbours become one, so that what is left after many were erased is not spread.
  void join_small(Inner& inner, std::size_t at, int level) {
    const std::size_t count = count_of(inner.children[at], level);
    if (count >= fan_out / 4) return;
    if (count == 0) {
      drop(inner.children[at], level);
      return remove_child(inner, at);
    }
    if (inner.children.size() == 1) return;
    const std::size_t left = at > 0 ? at - 1 : at;
    Node* const into = inner.children[left];
    Node* const from = inner.children[left + 1];
    if (count_of(into, level) + count_of(from, level) > fan_out / 4 * 3) return;
    if (level == 0) {
      append(static_cast<Leaf*>(into)->items, static_cast<Leaf*>(from)->items);
    } else {
      static_cast<Inner*>(into)->keys.push_back(inner.keys[left]);
      append(static_cast<Inner*>(into)->keys, static_cast<Inner*>(from)->keys);
      append(static_cast<Inner*>(into)->children, static_cast<Inner*>(from)->children);
    }
    drop(from, level);
    remove_child(inner, left + 1);
  }

  template <class Item>
  static void append(std::vector<Item>& to, const std::vector<Item>& from) {
    to.insert(to.end(), from.begin(), from.end());
  }

  static void remove_child(Inner& inner, std::size_t at) {
    inner.children.erase(inner.children.begin() + static_cast<std::ptrdiff_t>(at));
    if (inner.keys.empty()) return;
    inner.keys.erase(inner.keys.begin() + static_cast<std::ptrdiff_t>(at > 0 ? at - 1 : 0));
  }

  // The node alone, and out of the list of leaves.
  void drop(Node* node, int level) {
    if (level > 0) {
      delete static_cast<Inner*>(node);
      return;
    }
    auto* const leaf = static_cast<Leaf*>(node);
    (leaf->previous != nullptr ? leaf->previous->next : first_) = leaf->next;
    (leaf->next != nullptr ? leaf->next->previous : last_) = leaf->previous;
    delete leaf;
  }

  void destroy(Node* node, int level) {
    if (level > 0)
      for (Node* child : static_cast<Inner*>(node)->children) destroy(child, level - 1);
    drop(node, level);
  }

  std::size_t check(const Node* node, int level, const Key* from, const Key* below,
                    const Leaf*& before) const {
    if (level == 0) {
      const auto* const leaf = static_cast<const Leaf*>(node);
      ASSERT(leaf->previous == before && (before == nullptr ? first_ : before->next) == leaf);
      ASSERT(!leaf->items.empty() && leaf->items.size() <= fan_out);
      for (std::size_t i = 0; i < leaf->items.size(); ++i) {
        const Key key = KeyOf()(leaf->items[i]);
        ASSERT(i == 0 || KeyOf()(leaf->items[i - 1]) < key);
        ASSERT((from == nullptr || *from <= key) && (below == nullptr || key < *below));
      }
      before = leaf;
      return leaf->items.size();
    }
    const auto* const inner = static_cast<const Inner*>(node);
    const std::size_t count = inner->children.size();
    ASSERT(count > 0 && count <= fan_out && inner->keys.size() == count - 1);
    ASSERT(count > 1 || node != root_);
    std::size_t found = 0;
    for (std::size_t i = 0; i < count; ++i)
      found += check(inner->children[i], level - 1, i == 0 ? from : &inner->keys[i - 1],
                     i == count - 1 ? below : &inner->keys[i], before);
    return found;
  }

  Node* root_ = nullptr;
  int height_ = 0;  // of the root above the leaves
  Leaf* first_ = nullptr;
  Leaf* last_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace ipam
